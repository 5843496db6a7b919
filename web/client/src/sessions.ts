// The sessions that are followed, with the cursor of each. It is what makes words come exactly once: a connection
// resumes after it, and a frame that doesn't lie after it has been given out already.
import { isAfter } from "./cursors.js";
import type { PlacedFrame, ServerFrame } from "./frames.js";
import { hasTexts, type Store } from "./store.js";

export class FollowedSession {
  /** Whether this connection has joined it. */
  isJoined = false;
  /** Whether its end has been given out: there is nothing more to follow. */
  hasEnded = false;

  constructor(
    readonly session_id: string,
    readonly visitor_id: string,
    /** What has been given out. Undefined, as long as nothing has: then it is joined at the present. */
    public cursor: string | undefined,
  ) {}

  /** Whether messages can be sent in it. Into one that has ended, too: the service says what becomes of them. */
  get isReady(): boolean {
    return this.isJoined || this.hasEnded;
  }
}

export class Sessions {
  readonly #sessions = new Map<string, FollowedSession>();

  /** `start` is where all of them begin on this page, also those from before a reload; else each where it was left. */
  constructor(
    private readonly store: Store,
    private readonly start: string | undefined,
  ) {
    for (const { session_id, visitor_id, cursor } of store.all(isKept)) this.follow(session_id, visitor_id, start ?? cursor);
  }

  get all(): readonly FollowedSession[] {
    return [...this.#sessions.values()];
  }

  /** Whether messages can be sent in each of them. */
  get areReady(): boolean {
    return this.all.every(({ isReady }) => isReady);
  }

  get(session_id: string): FollowedSession | undefined {
    return this.#sessions.get(session_id);
  }

  /** Follow a session from now on. What is followed already goes on as it is. */
  follow(session_id: string, visitor_id: string, after = this.start): FollowedSession {
    const known = this.get(session_id);
    if (known) return known;
    const session = new FollowedSession(session_id, visitor_id, after);
    this.#sessions.set(session_id, session);
    this.#keep(session);
    return session;
  }

  forget(session_id: string): void {
    this.#sessions.delete(session_id);
    this.store.remove(session_id);
  }

  leaveAll(): void {
    for (const session of this.all) session.isJoined = false;
  }

  move(session: FollowedSession, cursor: string | undefined): void {
    session.cursor = cursor;
    // Before the word is given out, not in a while: a page that goes without notice would be given it twice. A page that
    // wants all again doesn't ask where it was.
    if (!this.start) this.#keep(session);
  }

  /** Whether a frame is to be given out. What has a place in the log is, once. */
  takes(frame: ServerFrame): boolean {
    if (!frame.session_id) return true;
    const session = this.get(frame.session_id);
    if (!session) return false; // it was forgotten
    const cursor = placeOf(frame);
    if (!cursor) return true;
    if (session.cursor && !isAfter(cursor, session.cursor)) return false;
    this.move(session, cursor);
    if (frame.complete) {
      session.hasEnded = true;
      // There is nothing in it that this tab hasn't been given: only a page that wants all again comes back for it.
      if (!this.start) this.store.remove(session.session_id);
    }
    return true;
  }

  #keep(session: FollowedSession): void {
    const { session_id, visitor_id, cursor } = session;
    // Not one that was forgotten meanwhile.
    if (this.get(session_id) === session) this.store.put(session_id, { session_id, visitor_id, cursor });
  }
}

/** A frame's place in the log. `connected` and `accepted` have cursors, but are no part of what is followed. */
function placeOf(frame: ServerFrame): string | undefined {
  const { metadata } = frame as Partial<PlacedFrame>;
  return frame.type === "connected" || frame.type === "accepted" ? undefined : metadata?.cursor;
}

interface Kept {
  readonly session_id: string;
  readonly visitor_id: string;
  readonly cursor?: string;
}

function isKept(value: unknown): value is Kept {
  return hasTexts(value, "session_id", "visitor_id");
}
