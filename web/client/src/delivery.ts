// Gets messages out of the outbox: in their order, one at a time, no faster than the service takes them. The next one goes
// out when the one before is on the record, so that a refusal or a lost connection never turns their order round.
import type { Backoff } from "./backoff.js";
import type { ChatError } from "./errors.js";
import type { Outbox, OutgoingMessage } from "./outbox.js";
import { Bucket, type Pace } from "./pace.js";
import type { Send } from "./requests.js";

export interface Route {
  /** Whether messages of this session can be sent now. */
  isReady(session_id: string): boolean;
  readonly send: Send;
  /** A message was refused for good. */
  undelivered(message: OutgoingMessage, error: ChatError): void;
}

export class Delivery {
  readonly #buckets = new Map<string, Bucket>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSending = false;
  #notBefore = 0;
  /** The message that a token was taken for: sending it again costs no other, for the service counts it once. */
  #paid: OutgoingMessage | undefined;

  constructor(
    private readonly outbox: Outbox,
    private readonly route: Route,
    private readonly pace: Pace,
    private readonly backoff: Backoff,
  ) {}

  /** Send the next message, now or as soon as it may go. */
  next(): void {
    clearTimeout(this.#timer);
    if (this.#isSending) return;
    const message = this.outbox.all.find(({ session_id }) => this.route.isReady(session_id));
    if (!message) return;
    const wait = this.#wait(message);
    if (wait > 0) this.#timer = setTimeout(() => this.next(), wait);
    else this.#send(message);
  }

  /** Count something else that the service counts among a session's messages. */
  spend(session_id: string): void {
    this.#bucket(session_id).take(performance.now());
  }

  #wait(message: OutgoingMessage): number {
    const now = performance.now();
    const isPaid = this.#paid === message;
    return Math.max(this.#notBefore - now, isPaid ? 0 : this.#bucket(message.session_id).wait(now));
  }

  #send(message: OutgoingMessage): void {
    if (this.#paid !== message) this.spend(message.session_id);
    this.#paid = message;
    this.#isSending = true;
    this.route.send(message, {
      done: () => this.#accepted(message),
      refused: (error) => this.#refused(message, error),
      lost: () => (this.#isSending = false),
    });
  }

  #accepted(message: OutgoingMessage): void {
    this.outbox.take(message);
    this.backoff.reset();
    this.#isSending = false;
    this.next();
  }

  #refused(message: OutgoingMessage, error: ChatError): void {
    this.#isSending = false;
    if (error.isPassing) this.#notBefore = performance.now() + this.backoff.next();
    else if (this.outbox.take(message)) this.route.undelivered(message, error);
    this.next();
  }

  #bucket(session_id: string): Bucket {
    const bucket = this.#buckets.get(session_id) ?? new Bucket(this.pace, performance.now());
    this.#buckets.set(session_id, bucket);
    return bucket;
  }
}
