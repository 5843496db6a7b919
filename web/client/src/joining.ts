// Sessions are joined: by each connection anew, one after another, where they were left.
import type { ChatError } from "./errors.js";
import type { Connected } from "./frames.js";
import type { Send } from "./requests.js";
import type { FollowedSession, Sessions } from "./sessions.js";

export interface JoiningListener {
  /** A session is joined. */
  joined(): void;
  /** A session can't be followed. */
  refused(session: FollowedSession, error: ChatError): void;
  /** Another connection is needed. */
  retry(reason: string): void;
}

export class Joining {
  /** Whether the service follows, on this connection, what was forgotten meanwhile. */
  #followsForgotten = false;

  constructor(
    private readonly sessions: Sessions,
    private readonly send: Send,
    private readonly listener: JoiningListener,
  ) {}

  /** Join all, on a new connection. */
  joinAll(): void {
    this.#followsForgotten = false;
    for (const session of this.sessions.all) if (!session.isReady) this.join(session);
  }

  join(session: FollowedSession): void {
    const { session_id, visitor_id, cursor } = session;
    this.send({ type: "join", session_id, visitor_id, ...(cursor && { after: cursor }) }, {
      done: (frame) => frame.type === "connected" && this.#joined(session, frame),
      refused: (error) => this.#refused(session, error),
    });
  }

  /** A session was forgotten. There is no frame to leave it with: it keeps its place on this connection. */
  forgotten(): void {
    this.#followsForgotten = true;
  }

  #joined(session: FollowedSession, { metadata }: Connected): void {
    session.isJoined = true;
    if (!session.cursor) this.sessions.move(session, metadata.cursor);
    this.listener.joined();
  }

  #refused(session: FollowedSession, error: ChatError): void {
    const { code, isPassing } = error;
    if (isPassing || (code === "too_many_sessions" && this.#followsForgotten)) {
      this.listener.retry(code); // a new connection joins only what is still followed
    } else if (code === "invalid_request" && session.cursor) {
      // The log has lost what this cursor names, as when an old copy of it was brought back: the present is what is left.
      this.sessions.move(session, undefined);
      this.join(session);
    } else {
      this.listener.refused(session, error);
    }
  }
}
