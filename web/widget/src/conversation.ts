// One conversation: what the visitor does goes to the client, and what the client tells becomes the thread.
import { ChatError, ChatWebSocket, type OutgoingMessage, type ServerFrame, type SessionView, type State, type StateChange } from "@verbatim/chat-client";
import { isRatings, isText, Kept } from "./kept.js";
import type { Service } from "./service.js";
import { Start } from "./start.js";
import { BARRED, carried, EMPTY, leftOver, reduce, type Failure, type Happening, type Outgoing, type Rating, type Thread } from "./thread.js";
import { UnsentMessages } from "./unsent.js";

export interface ConversationListener {
  changed(): void;
  framed(frame: ServerFrame, isPast: boolean): void;
  stateChanged(change: StateChange): void;
  /** The session is known: it was started, or taken up again. */
  joined(sessionId: string): void;
  /** The service lets nobody in from this page. */
  barred(): void;
}

interface Session {
  readonly session_id: string;
  readonly visitor_id: string;
}

const FROM_THE_START = "0.0";
/** When nothing more of the past has come for so long, it is all there. */
const RECALL_MS = 30;

export class Conversation {
  readonly client: ChatWebSocket;
  #thread = EMPTY;
  #session: Session | undefined;
  #start: Start | undefined;
  /** Whose conversation it was that was left behind: the next one is the same visitor's. */
  #visitor: string | undefined;
  /**
   * How far the session had come when it was taken up: up to here, frames tell of the past. As long as that isn't known,
   * all do: they are shown at once, and merely not announced.
   */
  #past: string | undefined;
  #barred: ChatError | undefined;
  #isHere = false;
  #recalling: ReturnType<typeof setTimeout> | undefined;
  readonly #unsent: UnsentMessages;
  /** What was thought of replies, by their `response_id`: frames of the past don't tell it. */
  readonly #ratings: Kept<Record<string, Rating>>;

  /** `given` is a session that the page has already; else the tab's own is taken up, if there is one. */
  constructor(
    private readonly service: Service,
    private readonly listener: ConversationListener,
    given?: Session,
  ) {
    // The service is the judge of lengths, and the composer knows its limit.
    this.client = new ChatWebSocket(service.socket, { history: "all", maxMessageChars: Infinity });
    this.#session = this.#taken(given);
    this.#unsent = new UnsentMessages(service.keyOf("unsent"));
    this.#ratings = new Kept(service.keyOf("ratings"), isRatings);
    const sent = this.client.outbox.filter((message) => this.#isOurs(message)).map(queued);
    const thread = sent.reduce(reduce, EMPTY);
    this.#thread = { ...thread, outgoing: [...thread.outgoing, ...this.#unsent.all] };
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
    if (this.#barred) return "failed";
    return this.#start?.state ?? this.client.state;
  }

  /** Why the service wants no connection any more. */
  get failure(): Failure | undefined {
    const error = this.#barred ?? this.client.failure;
    return error && failureOf(error);
  }

  /** Take the session up again, if there is one, and send what waits for one. */
  resume(): void {
    this.#isHere = true;
    if (this.#barred) return;
    if (this.#session) this.#join(this.#session);
    else this.#deliver();
  }

  /** Stay away, until it is resumed. */
  leave(): void {
    this.#isHere = false;
    this.#giveUpStart();
    this.client.close();
  }

  /** The service lets nobody in from this page, which no other attempt changes. */
  bar(error: ChatError): void {
    if (this.#barred) return;
    this.#barred = error;
    this.client.close();
    this.listener.barred();
    this.listener.changed();
  }

  /** Send a message. The first one starts the session. */
  send(text: string): void {
    this.#happen({ type: "queued", ...this.#unsent.add(text) });
    if (this.#isHere) this.#deliver();
  }

  /** Send a message that has failed once more: in a new conversation, where this one has ended, with the others beside it. */
  retry(key: string): void {
    const message = this.#thread.outgoing.find((other) => other.key === key);
    if (!message) return;
    this.withdraw(key);
    if (this.#thread.end) this.#turnTo(leftOver(this.#thread));
    this.send(message.text);
  }

  /** Have a message be no more here: it isn't wanted any more, or the client keeps it from now on. */
  withdraw(key: string): void {
    this.#unsent.remove(key);
    this.#happen({ type: "withdrawn", key });
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
      this.#ratings.set({ ...this.#ratings.get(), [reply.responseId]: rating });
    } catch {
      this.#happen({ type: "rated", key, rating: reply.rating });
    }
  }

  /** Leave this conversation behind. The next one begins with its first message, or with what came too late for this one. */
  startAgain(): void {
    this.#turnTo(this.#thread.end ? leftOver(this.#thread) : EMPTY);
  }

  #turnTo(thread: Thread): void {
    const session = this.#session;
    this.#visitor = session?.visitor_id;
    this.#giveUpStart();
    this.#session = this.#past = undefined;
    this.#unsent.replace(thread.outgoing);
    this.#ratings.set(undefined);
    if (session) this.client.forget(session.session_id);
    if (this.client.state === "failed") this.client.close(); // what it has failed over is left behind, too
    this.#become(thread);
  }

  dismiss(): void {
    this.#happen({ type: "dismissed" });
  }

  /** Tell of something that didn't work, and that the client doesn't tell of. */
  complain(failure: Failure): void {
    this.#happen({ type: "problem", failure });
  }

  /** The session that goes on here. Others are forgotten, and one that was given is no other page's. */
  #taken(given: Session | undefined): Session | undefined {
    const kept = new Kept(this.service.keyOf("given"), isText);
    const { client } = this;
    const session = given
      ? client.follow(given.session_id, given.visitor_id)
      : client.sessions.findLast(({ session_id }) => session_id !== kept.get());
    for (const other of client.sessions) if (other !== session) client.forget(other.session_id);
    kept.set(given && session?.session_id);
    return session;
  }

  // --- how a session begins

  /** Give the client what waits, in its order, as soon as there is a session: from then on the client keeps it. */
  #deliver(): void {
    const session = this.#session;
    if (session) for (const unsent of this.#unsent.waiting) this.#give(unsent, session);
    else if (this.#unsent.waiting.length) this.#begin();
  }

  /** A message that can't be sent is kept: where its session is gone as well, for the next one. */
  #fail(message: Outgoing & { readonly failure: Failure }): void {
    this.#unsent.keep(this.#session ? message : carried(message));
    this.#happen({ type: "undelivered", key: message.key, failure: message.failure });
  }

  #give(unsent: Outgoing, { session_id, visitor_id }: Session): void {
    const refusals: ChatError[] = []; // which the client tells by an event alone
    const stop = this.client.on("problem", (error) => refusals.push(error));
    const sent = this.client.sendMessage(unsent.text, session_id, visitor_id);
    stop();
    if (sent === null) {
      this.#fail({ ...unsent, failure: failureOf(refusals[0] ?? new ChatError("The message wasn't taken", "error")) });
      return;
    }
    // A double click is the same message, which may have arrived already.
    const waiting = this.client.outbox.find((message) => message.client_message_id === sent);
    if (waiting) this.#happen(queued(waiting));
    this.withdraw(unsent.key);
  }

  /** Start a session. All that is said meanwhile waits for it. */
  #begin(): void {
    if (this.#start) return;
    const wanted = this.#visitor ? { visitor_id: this.#visitor } : {};
    const failed = (error: ChatError) => {
      this.complain(failureOf(error));
      this.listener.changed();
    };
    const start = (this.#start = new Start((signal) => this.client.createSession(wanted, signal), failed));
    start.session.then(
      (session) => this.#begun(session, start),
      (error: unknown) => this.#notBegun(error, start),
    );
    this.listener.changed();
  }

  #begun(session: SessionView, start: Start): void {
    if (this.#start !== start) {
      this.client.forget(session.session_id); // it was given up meanwhile
      return;
    }
    this.#start = undefined;
    this.#session = session;
    this.#past = session.cursor;
    this.#join(session);
  }

  #notBegun(error: unknown, start: Start): void {
    if (this.#start !== start) return; // it was given up: what waits is sent when the conversation is resumed
    this.#start = undefined;
    const failure = failureOf(error);
    for (const unsent of this.#unsent.waiting) this.#fail({ ...unsent, failure });
    if (failure.code === BARRED) this.bar(error as ChatError);
  }

  /** Go on in a session. What waits comes before all that the page says when it is told. */
  #join(session: Session): void {
    this.client.connect();
    this.#deliver();
    this.listener.joined(session.session_id);
  }

  #giveUpStart(): void {
    this.#start?.giveUp();
    this.#start = undefined;
  }

  // --- what the client tells

  #listen(): void {
    this.client.on("undelivered", ({ message, error }) => {
      this.#fail({ key: message.client_message_id, text: message.message, failure: failureOf(error) });
    });
    this.client.on("refused", ({ session_id, error }) => this.#refused(session_id, error));
    this.client.on("frame", (frame) => this.#received(frame));
    this.client.on("problem", (error) => {
      // A reply that has failed is told of by its frame, which has its place in the thread.
      if (!error.messageId) this.#happen({ type: "problem", failure: failureOf(error) });
    });
    this.client.on("state", (change) => {
      if (change.state === "resuming") void this.#lookBack();
      if (change.state === "open") this.#happen({ type: "open" });
      this.listener.stateChanged(change);
      this.listener.changed();
    });
  }

  #received(frame: ServerFrame): void {
    if (this.#isAnothers(frame)) return;
    const isPast = this.#isPast(frame);
    this.listener.framed(frame, isPast);
    if (!this.#isOurs(frame)) return;
    const rating = frame.type === "complete" ? this.#ratings.get()?.[frame.response_id] : undefined;
    const happening = { type: "frame", frame, ...(rating && { rating }) } as const;
    if (isPast) this.#recall(happening);
    else this.#happen({ ...happening, at: Date.now() });
  }

  #refused(session_id: string, error: ChatError): void {
    if (!this.#isOurs({ session_id })) return;
    this.#session = undefined;
    this.#happen({ type: "refused", failure: failureOf(error) });
  }

  /** Find out what is past, beside the connection: one answer must not wait for the other. */
  async #lookBack(): Promise<void> {
    const session = this.#session;
    if (!session || this.#past) return;
    const cursor = await this.service.cursorOf(session.session_id, session.visitor_id);
    // Where there is no answer, what has come meanwhile was the past.
    if (this.#session === session) this.#past ??= cursor ?? FROM_THE_START;
  }

  #isOurs({ session_id }: { readonly session_id?: string }): boolean {
    return session_id !== undefined && session_id === this.#session?.session_id;
  }

  /** A page may have the client follow other sessions, too. */
  #isAnothers(frame: ServerFrame): boolean {
    return frame.session_id !== undefined && this.#session !== undefined && !this.#isOurs(frame);
  }

  #isPast(frame: ServerFrame): boolean {
    const { cursor } = (frame as { metadata?: { cursor?: string } }).metadata ?? {};
    return cursor !== undefined && (this.#past === undefined || versionOf(cursor) <= versionOf(this.#past));
  }

  /** A long past comes in thousands of frames: it is told of when it has come, and not with each of them. */
  #recall(happening: Happening): void {
    this.#thread = reduce(this.#thread, happening);
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
