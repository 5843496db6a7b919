// One connection after another, until it is closed or the service wants no more. Nothing is sent but on an open one: what
// waits is kept in the outbox, for the sessions must be joined before.
import { Backoff } from "./backoff.js";
import { SUBPROTOCOL, type ClientFrame } from "./frames.js";
import type { Timing } from "./options.js";
import { onWake } from "./wake.js";

export interface Loss {
  readonly code: number;
  readonly reason: string;
  /** The service wants no other attempt: it has closed with 44xx. */
  readonly isFinal: boolean;
}

export interface ConnectionListener {
  opened(): void;
  received(text: string): void;
  /** There is no connection any more, or an attempt has failed. The next one comes by itself, unless this is closed now. */
  lost(loss: Loss): void;
  /** The network has refused or broken a connection: told once, until there is one again. */
  failed(): void;
  /** Somebody looks at the page, or the network is back, while there is a connection. */
  woken(): void;
}

/** What `WebSocket` is, where it isn't the browser's. */
export type WebSocketClass = new (url: string, protocols?: string[]) => object;

/** What is told of a connection that was given up. */
const GIVEN_UP = 4000;
/** What browsers say of one that couldn't be made, or broke. */
const BROKEN = 1006;
const OPEN = 1;

export class Connection {
  readonly #backoff: Backoff;
  readonly #sleepLightly: () => void;
  /** The one that there is, or that is being made. */
  #socket: WebSocket | undefined;
  /** Until the next attempt, or until the one in progress has taken too long. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #openedAt: number | undefined;
  #hasFailed = false;
  #isOver = false;

  constructor(
    private readonly url: string,
    private readonly listener: ConnectionListener,
    private readonly timing: Timing,
    private readonly webSocket: WebSocketClass,
  ) {
    this.#backoff = new Backoff(timing.retryMs, timing.retryMostMs);
    this.#sleepLightly = onWake(() => this.#wake());
    this.#attemptIn(0); // not now: who closes it in the same breath makes none
  }

  /** Send, if there is a connection. */
  send(frame: ClientFrame): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Give this connection, or this attempt, up for a new one, in a while. */
  retry(reason: string): void {
    if (this.#socket) this.#giveUp(GIVEN_UP, reason);
  }

  /** For good. */
  close(): void {
    this.#sleepLightly();
    if (this.#socket) this.#giveUp(1000, "");
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #attemptIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#attempt(), ms);
  }

  #attempt(): void {
    try {
      this.#listenTo(new this.webSocket(this.url, [SUBPROTOCOL]) as WebSocket);
    } catch {
      this.#fail(""); // what guards the page forbids it
    }
  }

  #listenTo(socket: WebSocket): void {
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#fail("timeout"), this.timing.connectMs);
    // One that was given up may take long to end: nothing is heard of it any more.
    const on = <Name extends keyof WebSocketEventMap>(name: Name, heard: (event: WebSocketEventMap[Name]) => void) => {
      socket.addEventListener(name, (event) => this.#socket === socket && heard(event));
    };
    on("open", () => this.#opened());
    on("message", ({ data }) => this.listener.received(String(data)));
    on("error", () => this.#fail("")); // Node's own isn't always closed after it
    on("close", ({ code, reason }) => this.#lost(code, reason));
  }

  #opened(): void {
    clearTimeout(this.#timer);
    this.#openedAt = performance.now();
    this.#hasFailed = false;
    this.listener.opened();
  }

  #fail(reason: string): void {
    const isFirst = !this.#hasFailed;
    this.#hasFailed = true;
    if (isFirst) this.listener.failed();
    if (!this.#isOver) this.#giveUp(BROKEN, reason);
  }

  #giveUp(code: number, reason: string, waitMs?: number): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#lost(code, reason, waitMs);
  }

  #lost(code: number, reason: string, waitMs?: number): void {
    const openedAt = this.#openedAt;
    // One that was closed again at once was no success.
    if (openedAt !== undefined && performance.now() - openedAt >= this.timing.stableMs) this.#backoff.reset();
    this.#socket = this.#openedAt = undefined;
    this.#attemptIn(waitMs ?? this.#backoff.next());
    const isFinal = code >= 4400 && code < 4500;
    this.listener.lost({ code: openedAt === undefined ? BROKEN : code, reason, isFinal });
  }

  /** An attempt that began while there was no network may hang for as long as it is allowed to: a new one is made, too. */
  #wake(): void {
    if (this.#openedAt !== undefined) this.listener.woken();
    else if (this.#socket) this.#giveUp(GIVEN_UP, "woken", 0);
    else this.#attemptIn(0);
  }
}
