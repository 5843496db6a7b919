// The client: what a page calls, and how connection, sessions, outbox and events work together. Frames flow one way:
// connection -> requests (whose answer is it?) -> sessions (is it new?) -> events.
import { addressesOf, type Addresses } from "./addresses.js";
import { Backoff } from "./backoff.js";
import { chunkMessage, completeMessage, type ChunkMessage, type CompleteMessage } from "./callbacks.js";
import { Commands } from "./commands.js";
import { Connection, type Loss } from "./connection.js";
import { Delivery } from "./delivery.js";
import { Emitter, type Listener } from "./emitter.js";
import { ChatError, errorOf } from "./errors.js";
import type { ChatEvents } from "./events.js";
import type { ClientFrame, Feedback, NewSession, ServerFrame, SessionView, Stop } from "./frames.js";
import { Heartbeat } from "./heartbeat.js";
import { newId, validId } from "./ids.js";
import { Joining } from "./joining.js";
import { settingsOf, type ChatOptions, type Settings } from "./options.js";
import { Outbox, type OutgoingMessage } from "./outbox.js";
import { Requests, type Request } from "./requests.js";
import { startSession } from "./rest.js";
import { Sessions, type FollowedSession } from "./sessions.js";
import type { State } from "./states.js";
import { hasTexts, parsed, Store } from "./store.js";
import { FrameStream } from "./stream.js";
import { validMessage, wellFormed } from "./validation.js";

const FROM_THE_START = "0.0";
const ERASED = "session_erased";

interface ClientEvents extends ChatEvents {
  /** It is closed or, with why, has failed; by the time that this is told, a listener may have connected again. */
  readonly over: ChatError | undefined;
}

/** A chat over the WebSocket: see the specification for the methods up to `setOnClose`, the README for the others. */
export class ChatWebSocket implements AsyncIterable<ServerFrame> {
  readonly #addresses: Addresses;
  readonly #settings: Settings;
  readonly #events = new Emitter<ClientEvents>();
  readonly #sessions: Sessions;
  readonly #outbox: Outbox;
  readonly #delivery: Delivery;
  readonly #requests = new Requests(() => this.#connection?.retry("passed over"));
  readonly #commands: Commands;
  readonly #joining: Joining;
  readonly #heartbeat: Heartbeat;
  #state: State = "idle";
  #connection: Connection | undefined;
  #failure: ChatError | undefined;
  /** The latest error frame of this connection. */
  #lastError: ChatError | undefined;
  #latest: { readonly message: OutgoingMessage; readonly at: number } | undefined;
  #onMessage: Listener<ChunkMessage | CompleteMessage> | null = null;
  #onError: Listener<ChatError> | null = null;
  #onClose: (() => void) | null = null;

  /** `url` is the socket's, such as `wss://chat.example/ws/chat/`. Nothing is sent yet. Throws TypeError. */
  constructor(url: string, options: ChatOptions = {}) {
    this.#addresses = addressesOf(url);
    this.#settings = settingsOf(options);
    const { storage, history, timing, pace } = this.#settings;
    const prefix = `verbatim-chat ${this.#addresses.socket} `;
    this.#sessions = new Sessions(new Store(storage, `${prefix}session `), history === "all" ? FROM_THE_START : undefined);
    this.#outbox = new Outbox(new Store(storage, `${prefix}message `));
    for (const { session_id, visitor_id } of this.#outbox.all) this.#sessions.follow(session_id, visitor_id);
    const send = (frame: ClientFrame, request: Request) => this.#send(frame, request);
    this.#commands = new Commands(send);
    this.#joining = new Joining(this.#sessions, send, {
      joined: () => this.#proceed(),
      refused: ({ session_id }, error) => {
        this.#drop(session_id, error);
        this.#proceed();
      },
      retry: (reason) => this.#connection?.retry(reason),
    });
    const route = {
      isReady: (session_id: string) => this.state === "open" && !!this.#sessions.get(session_id)?.isReady,
      send,
      undelivered: (message: OutgoingMessage, error: ChatError) => this.#undelivered(message, error),
    };
    this.#delivery = new Delivery(this.#outbox, route, pace, new Backoff(timing.retryMs, timing.retryMostMs));
    this.#heartbeat = new Heartbeat(
      timing.quietMs,
      () => (this.#requests.isEmpty ? timing.answerMs : timing.busyMs),
      () => send({ type: "ping" }, {}),
      () => this.#connection?.retry("no answer"),
    );
    this.#events.on("chunk", (frame) => this.#onMessage?.(chunkMessage(frame)));
    this.#events.on("complete", (frame) => this.#onMessage?.(completeMessage(frame)));
    this.#events.on("problem", (error) => this.#onError?.(error));
    this.#events.on("disconnect", () => this.#onClose?.());
  }

  // --- the specification's

  /** Connect, and stay connected until `close()`. Does nothing if that is so already. */
  connect(): void {
    if (this.#connection) return;
    this.#failure = undefined;
    this.#lastError = undefined;
    this.#to("connecting");
    const { timing, WebSocket } = this.#settings;
    const listener = {
      opened: () => this.#opened(),
      received: (text: string) => this.#received(text),
      lost: (loss: Loss) => this.#lost(loss),
      failed: () => this.#events.emit("problem", new ChatError("The connection has failed", "not_connected")),
      woken: () => this.#heartbeat.probe(),
    };
    this.#connection = new Connection(this.#addresses.socket, listener, timing, WebSocket);
  }

  /**
   * Send a message: now, or as soon as there is a connection, also after a reload. Says under which
   * `client_message_id` it is sent, or null where it can't be: `setOnError` is told why.
   */
  sendMessage(message: string, sessionId: string, visitorId: string): string | null {
    try {
      return this.#valid(() =>
        this.#queue({
          type: "chat_message",
          message: validMessage(message, this.#settings.maxMessageChars),
          session_id: validId("session_id", sessionId),
          visitor_id: validId("visitor_id", visitorId),
          client_message_id: newId(),
        }),
      );
    } catch (error) {
      if (error instanceof ChatError) return null;
      throw error;
    }
  }

  /** Be told of each word of a reply, and of its end. */
  setOnMessage(callback: ((message: ChunkMessage | CompleteMessage) => void) | null): void {
    this.#onMessage = callback;
  }

  /** Be told of whatever doesn't work. */
  setOnError(callback: ((error: ChatError) => void) | null): void {
    this.#onError = callback;
  }

  /** Be told when a connection, or an attempt, has ended. */
  setOnClose(callback: (() => void) | null): void {
    this.#onClose = callback;
  }

  /** Close, for good: it connects no more until `connect()` is called. What isn't acknowledged stays in the outbox. */
  close(): void {
    this.#end("closed", new ChatError("The chat was closed", "closed"));
  }

  // --- beyond it

  get state(): State {
    return this.#state;
  }

  /** Why the state is `failed`. */
  get failure(): ChatError | undefined {
    return this.#failure;
  }

  /** The messages that aren't acknowledged yet, in their order. */
  get outbox(): readonly OutgoingMessage[] {
    return this.#outbox.all;
  }

  /** The sessions that are followed, the latest last: after a reload, too. */
  get sessions(): readonly Pick<FollowedSession, "session_id" | "visitor_id" | "cursor" | "hasEnded">[] {
    return this.#sessions.all;
  }

  /** Listen to an event, see `ChatEvents`. What is returned stops it. */
  on<Name extends keyof ChatEvents>(name: Name, listener: Listener<ChatEvents[Name]>): () => void {
    return this.#events.on(name, listener);
  }

  /** Start a session, and follow it. Those that have ended are forgotten. Throws ChatError. */
  async createSession(wanted: NewSession = {}, signal?: AbortSignal): Promise<SessionView> {
    const session = await startSession(this.#addresses.sessions, wanted, this.#settings.timing.requestMs, signal);
    // A socket can follow a few sessions only: those that are over make room.
    for (const { session_id, hasEnded } of this.#sessions.all) {
      const waits = this.#outbox.all.some((message) => message.session_id === session_id);
      if (hasEnded && !waits) this.forget(session_id);
    }
    this.follow(session.session_id, session.visitor_id, session.cursor);
    return session;
  }

  /**
   * Follow a session without saying anything in it: from a cursor on, or else as the option `history` has it. What is
   * returned names it as frames do, however its ids are written.
   */
  follow(sessionId: string, visitorId: string, after?: string): ChatWebSocket["sessions"][number] {
    const [session_id, visitor_id] = [validId("session_id", sessionId), validId("visitor_id", visitorId)];
    const isKnown = this.#sessions.get(session_id) !== undefined;
    const session = this.#sessions.follow(session_id, visitor_id, after);
    const isJoining = this.state === "open" || this.state === "resuming";
    if (isJoining && !isKnown) this.#joining.join(session);
    return session;
  }

  /** Know nothing of a session any more, here and after a reload. Its messages that weren't sent are dropped. */
  forget(sessionId: string): void {
    const session_id = validId("session_id", sessionId);
    this.#outbox.takeAllOf(session_id);
    this.#sessions.forget(session_id);
    this.#joining.forgotten();
    if (this.state === "resuming") this.#proceed();
  }

  /**
   * Stop the reply in progress, of the latest session if none is named. Throws ChatError where the service refuses, where
   * the connection is lost meanwhile, or where the state isn't `open`. Needn't be awaited.
   */
  stop(sessionId?: string): Promise<void> {
    return this.#command(() => {
      const credentials = this.#credentials(sessionId);
      if (this.state === "open") return { type: "stop", ...credentials };
      // Later, it could meet another reply.
      throw this.#failure ?? new ChatError("Without a connection, no reply can be stopped", "not_connected", credentials.session_id);
    });
  }

  /** Say what you think of a reply that has ended. Throws ChatError where the service refuses. Needn't be awaited. */
  feedback(responseId: string, rating: Feedback["rating"], comment = "", sessionId?: string): Promise<void> {
    return this.#command(() => {
      const credentials = this.#credentials(sessionId);
      const response_id = validId("response_id", responseId);
      const frame = { type: "feedback", ...credentials, response_id, rating, comment: wellFormed(comment) } as const;
      this.#delivery.spend(frame.session_id); // the service counts ratings among the messages
      return frame;
    });
  }

  /**
   * All frames from now on, for `for await`. Ends with `close()`; throws ChatError when the client has failed, or when
   * the reader is more than `buffer` frames behind. Does either at once, if it is so already.
   */
  frames(buffer = 1000): AsyncIterableIterator<ServerFrame, undefined> {
    const stream = new FrameStream(buffer, () => stops.forEach((stop) => stop()));
    const stops = [
      this.#events.on("frame", (frame) => frame.type === "pong" || stream.push(frame)),
      this.#events.on("over", (failure) => stream.end(failure)),
    ];
    if (this.state === "closed" || this.state === "failed") stream.end(this.#failure);
    return stream;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ServerFrame, undefined> {
    return this.frames();
  }

  /** Give the connection up, as if the network had, and make another, which gets what this one hadn't yet. */
  reconnect(): void {
    this.#connection?.retry("reconnect");
  }

  // --- what is sent

  #queue(message: OutgoingMessage): string {
    if (this.#failure) throw this.#failure;
    const duplicate = this.#duplicate(message);
    if (duplicate) return duplicate;
    const { session_id, visitor_id, client_message_id } = message;
    if (this.#outbox.all.length >= this.#settings.maxQueued) {
      throw new ChatError("Too many messages wait to be sent", "outbox_full", session_id);
    }
    this.#outbox.add(message);
    this.#latest = { message, at: performance.now() };
    this.follow(session_id, visitor_id);
    this.#delivery.next();
    return client_message_id;
  }

  /** The id of the message that this is the second click of. */
  #duplicate({ message, session_id }: OutgoingMessage): string | undefined {
    const latest = this.#latest;
    if (!latest || performance.now() - latest.at >= this.#settings.timing.debounceMs) return undefined;
    const isSame = latest.message.message === message && latest.message.session_id === session_id;
    return isSame ? latest.message.client_message_id : undefined;
  }

  #command(frame: () => Stop | Feedback): Promise<void> {
    const done = this.#execute(frame);
    done.catch(() => undefined); // whoever doesn't wait for it isn't bothered
    return done;
  }

  async #execute(frame: () => Stop | Feedback): Promise<void> {
    const done = this.#commands.add(this.#valid(frame));
    if (this.#failure) this.#commands.rejectAll(this.#failure);
    else if (this.state === "open") this.#commands.sendAll();
    await done;
  }

  /** What is to be sent. Throws ChatError, and tells of it. */
  #valid<Frame>(make: () => Frame): Frame {
    try {
      return make();
    } catch (error) {
      if (error instanceof ChatError) this.#events.emit("problem", error);
      throw error;
    }
  }

  #credentials(sessionId?: string): { session_id: string; visitor_id: string } {
    const session = sessionId ? this.#sessions.get(validId("session_id", sessionId)) : this.#sessions.all.at(-1);
    if (!session) throw new ChatError("No such session is followed", "session_not_found", sessionId);
    return { session_id: session.session_id, visitor_id: session.visitor_id };
  }

  #send(frame: ClientFrame, request: Request): void {
    if (!this.#connection) return request.lost?.(); // a listener has closed it just now
    this.#requests.add(frame, request);
    this.#connection.send(frame);
  }

  #to(state: State): void {
    const previous = this.#state;
    this.#state = state;
    if (state !== previous) this.#events.emit("state", { state, previous });
  }

  // --- sessions go on, or are over

  /** A session is over for this client, and so is what was still to be said in it. */
  #drop(session_id: string, error: ChatError): void {
    const messages = this.#outbox.takeAllOf(session_id);
    this.#sessions.forget(session_id);
    this.#events.emit("refused", { session_id, error });
    for (const message of messages) this.#undelivered(message, error);
  }

  /** A visitor was erased: all their sessions are over. Those of others on this page go on with `connect()`. */
  #dropVisitorOf(erased: ChatError): void {
    const visitor = this.#sessions.get(erased.sessionId ?? "")?.visitor_id;
    for (const { session_id, visitor_id } of this.#sessions.all) if (visitor_id === visitor) this.#drop(session_id, erased);
  }

  #undelivered(message: OutgoingMessage, error: ChatError): void {
    this.#latest = undefined; // whoever says it again means it
    this.#events.emit("undelivered", { message, error });
  }

  /** Once all sessions are joined: go on with what waits. */
  #proceed(): void {
    if (!this.#connection) return; // a listener has closed it just now
    if (this.state !== "open") {
      if (!this.#sessions.areReady) return;
      this.#to("open");
    }
    this.#commands.sendAll();
    this.#delivery.next();
  }

  // --- what the connection tells

  #opened(): void {
    this.#lastError = undefined;
    this.#heartbeat.heard();
    if (!this.#sessions.areReady) this.#to("resuming");
    this.#joining.joinAll();
    this.#proceed();
  }

  #received(text: string): void {
    this.#heartbeat.heard();
    const frame = frameIn(text);
    if (!frame) {
      this.#events.emit("problem", new ChatError("What was received is no frame", "unreadable"));
      return;
    }
    if (frame.type === "error") this.#lastError = errorOf(frame);
    const isNew = this.#sessions.takes(frame);
    // New or not, also of a session that was forgotten meanwhile: what isn't answered holds up all others.
    this.#requests.receive(frame);
    if (!isNew) return;
    this.#events.emit(frame.type, frame);
    this.#events.emit("frame", frame);
    if (frame.type === "error") this.#events.emit("problem", errorOf(frame));
  }

  #lost({ code, reason, isFinal }: Loss): void {
    const [connection, lastError] = [this.#connection, this.#lastError];
    this.#heartbeat.stop();
    this.#sessions.leaveAll();
    this.#requests.loseAll();
    this.#events.emit("disconnect", { code, reason });
    if (!connection || this.#connection !== connection) return; // by `close()`, if only a listener's
    if (isFinal) {
      // The service says in a frame why it closes, and names the code of that again as its reason.
      const bare = new ChatError(reason || `Closed by the service: ${code}`, reason || "error");
      const failure = lastError?.code === reason ? lastError : bare;
      if (failure.code === ERASED) this.#dropVisitorOf(failure);
      this.#end("failed", failure);
    } else {
      this.#to("offline");
    }
  }

  #end(state: "closed" | "failed", why: ChatError): void {
    const failure = state === "failed" ? why : undefined;
    this.#failure = failure;
    this.#disconnect();
    this.#commands.rejectAll(why);
    if (this.#connection) return; // a listener has connected again just now
    this.#to(state);
    this.#events.emit("over", failure);
  }

  #disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  }
}

function frameIn(text: string): ServerFrame | undefined {
  const value = parsed(text);
  return hasTexts(value, "type") ? (value as ServerFrame) : undefined;
}
