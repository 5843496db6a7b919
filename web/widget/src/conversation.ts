// One conversation: what the visitor does goes to the client, and what the client tells becomes the thread.
import { ChatError, ChatWebSocket, type OutgoingMessage, type ServerFrame, type State, type StateChange } from "@verbatim/chat-client";
import { persist } from "./persist.js";
import type { Service } from "./service.js";
import { EMPTY, reduce, type Failure, type Happening, type Rating, type Thread } from "./thread.js";

export interface ConversationListener {
  changed(): void;
  framed(frame: ServerFrame, isPast: boolean): void;
  stateChanged(change: StateChange): void;
  /** The session is known: it was started, or taken up again. */
  joined(sessionId: string): void;
}

interface Session {
  readonly session_id: string;
  readonly visitor_id: string;
}

/** A session that is being started. */
interface Start {
  readonly session: Promise<Session>;
  readonly abort: AbortController;
}

/** When nothing more of the past has come for so long, it is all there. */
const RECALL_MS = 30;

export class Conversation {
  readonly client: ChatWebSocket;
  #thread = EMPTY;
  #session: Session | undefined;
  #start: Start | undefined;
  /** Whose conversation it was that was left behind: the next one is the same visitor's. */
  #visitor: string | undefined;
  /** How far the session had come when it was taken up: up to here, frames tell of the past. */
  #past: string | undefined;
  #isHere = false;
  /** Whether the session couldn't be started yet. */
  #isOffline = false;
  #recalling: ReturnType<typeof setTimeout> | undefined;
  #drafts = 0;

  /** `given` is a session that the page has already; else the tab's own is taken up, if there is one. */
  constructor(
    private readonly service: Service,
    private readonly listener: ConversationListener,
    given?: Session,
  ) {
    // The service is the judge of lengths, and the composer knows its limit.
    this.client = new ChatWebSocket(service.socket, { history: "all", maxMessageChars: Infinity });
    if (given) this.client.follow(given.session_id, given.visitor_id);
    this.#session = given ?? this.client.sessions.at(-1);
    this.#thread = this.client.outbox.filter((message) => this.#isOurs(message)).map(queued).reduce(reduce, EMPTY);
    this.#listen();
  }

  get thread(): Thread {
    return this.#thread;
  }

  get hasSession(): boolean {
    return this.#session !== undefined;
  }

  /** What the client is doing, or what becomes of starting the session. */
  get state(): State {
    return this.#isOffline ? "offline" : this.client.state;
  }

  /** Why the service wants no connection any more. */
  get failure(): Failure | undefined {
    return this.client.failure && failureOf(this.client.failure);
  }

  /** Take the session up again, if there is one. */
  async resume(): Promise<void> {
    this.#isHere = true;
    const session = this.#session;
    if (!session) return;
    this.listener.joined(session.session_id);
    this.#past ??= await this.service.cursorOf(session.session_id, session.visitor_id);
    if (this.#isWanted(session)) this.client.connect();
  }

  /** Stay away, until it is resumed. */
  leave(): void {
    this.#isHere = false;
    this.client.close();
  }

  /** Send a message. The first one starts the session. */
  async send(text: string): Promise<void> {
    const key = `draft ${++this.#drafts}`;
    this.#happen({ type: "queued", key, text });
    try {
      const session = this.#session ?? (await this.#begun());
      if (!this.#isOurs(session)) return; // it was left behind meanwhile
      this.#give(text, session);
      this.#happen({ type: "withdrawn", key });
    } catch (error) {
      if (!(error instanceof DOMException)) this.#happen({ type: "undelivered", key, failure: failureOf(error) });
    }
  }

  /** Send a message that has failed once more: in a new conversation, where this one has ended. */
  retry(key: string): void {
    const message = this.#thread.outgoing.find((other) => other.key === key);
    if (!message) return;
    this.#happen({ type: "withdrawn", key });
    if (this.#thread.end) this.startAgain();
    void this.send(message.text);
  }

  stop(): void {
    // What becomes of it is seen in the thread.
    void this.client.stop(this.#session?.session_id).catch(() => undefined);
  }

  /** Rate a reply that has ended. */
  async rate(key: string, rating: Rating): Promise<void> {
    const reply = this.#thread.entries.find((entry) => entry.key === key);
    if (reply?.kind !== "reply" || !reply.responseId || reply.rating === rating) return;
    this.#happen({ type: "rated", key, rating });
    try {
      await this.client.feedback(reply.responseId, rating, "", this.#session?.session_id);
    } catch {
      this.#happen({ type: "rated", key, rating: reply.rating });
    }
  }

  /** Leave this conversation behind. The next one begins with its first message. */
  startAgain(): void {
    const session = this.#session;
    this.#visitor = session?.visitor_id;
    this.#start?.abort.abort();
    this.#session = this.#past = undefined;
    this.#settled();
    if (session) this.client.forget(session.session_id);
    this.#become(EMPTY);
  }

  dismiss(): void {
    this.#happen({ type: "dismissed" });
  }

  /** Give the client a message. Throws ChatError where it doesn't take it, which it tells by an event alone. */
  #give(text: string, { session_id, visitor_id }: Session): void {
    const refusals: ChatError[] = [];
    const stop = this.client.on("problem", (error) => refusals.push(error));
    const sent = this.client.sendMessage(text, session_id, visitor_id);
    stop();
    if (sent === null) throw refusals[0] ?? new ChatError("The message wasn't taken", "error");
    // A double click is the same message, which may have arrived already.
    const waiting = this.client.outbox.find((message) => message.client_message_id === sent);
    if (waiting) this.#happen(queued(waiting));
  }

  /** The session, once it is started. All that is said meanwhile waits for the same one. */
  async #begun(): Promise<Session> {
    const start = (this.#start ??= this.#starting());
    try {
      const session = await start.session;
      if (this.#start === start) this.#begin(session);
      else if (!this.#isOurs(session)) this.client.forget(session.session_id);
      return session;
    } finally {
      if (this.#start === start) this.#settled();
    }
  }

  #starting(): Start {
    const abort = new AbortController();
    const wanted = this.#visitor ? { visitor_id: this.#visitor } : {};
    const failed = () => {
      this.#isOffline = true;
      this.listener.changed();
    };
    const attempt = () => this.client.createSession(wanted, abort.signal);
    return { session: persist(attempt, failed, abort.signal), abort };
  }

  #settled(): void {
    this.#start = undefined;
    this.#isOffline = false;
  }

  #begin(session: Session): void {
    this.#session = session;
    this.#settled();
    if (this.#isHere) this.client.connect();
    this.listener.joined(session.session_id);
  }

  // --- what the client tells

  #listen(): void {
    this.client.on("undelivered", ({ message, error }) => {
      this.#happen({ type: "undelivered", key: message.client_message_id, failure: failureOf(error) });
    });
    this.client.on("refused", ({ session_id, error }) => this.#refused(session_id, error));
    this.client.on("frame", (frame) => this.#received(frame));
    this.client.on("problem", (error) => {
      // A reply that has failed is told of by its frame, which has its place in the thread.
      if (!error.messageId) this.#happen({ type: "problem", failure: failureOf(error) });
    });
    this.client.on("state", (change) => {
      this.listener.stateChanged(change);
      this.listener.changed();
    });
  }

  #received(frame: ServerFrame): void {
    const isPast = this.#isPast(frame);
    this.listener.framed(frame, isPast);
    if (!this.#isOurs(frame)) return;
    if (isPast) this.#recall(frame);
    else this.#happen({ type: "frame", frame, at: Date.now() });
  }

  #refused(session_id: string, error: ChatError): void {
    if (!this.#isOurs({ session_id })) return;
    this.#session = undefined;
    this.#happen({ type: "refused", failure: failureOf(error) });
  }

  /** Whether a session is still to be followed: what was asked meanwhile may have taken its time. */
  #isWanted(session: Session): boolean {
    return this.#isHere && this.#session === session;
  }

  /** The client may follow other sessions, too. */
  #isOurs({ session_id }: { readonly session_id?: string }): boolean {
    return session_id !== undefined && session_id === this.#session?.session_id;
  }

  #isPast(frame: ServerFrame): boolean {
    const { cursor } = (frame as { metadata?: { cursor?: string } }).metadata ?? {};
    return cursor !== undefined && this.#past !== undefined && versionOf(cursor) <= versionOf(this.#past);
  }

  /** A long past comes in thousands of frames: it is told of when it has come, and not with each of them. */
  #recall(frame: ServerFrame): void {
    this.#thread = reduce(this.#thread, { type: "frame", frame });
    clearTimeout(this.#recalling);
    this.#recalling = setTimeout(() => this.listener.changed(), RECALL_MS);
  }

  #happen(happening: Happening): void {
    this.#become(reduce(this.#thread, happening));
  }

  #become(thread: Thread): void {
    if (thread === this.#thread) return;
    this.#thread = thread;
    this.listener.changed();
  }
}

function queued({ client_message_id: key, message: text }: OutgoingMessage): Happening {
  return { type: "queued", key, text };
}

function versionOf(cursor: string): number {
  return Number.parseInt(cursor, 10);
}

function failureOf(error: unknown): Failure {
  if (error instanceof ChatError) return { code: error.code, text: error.message };
  throw error;
}
