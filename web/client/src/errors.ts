// The one kind of failure that the client tells of, whoever has found it: the service or the client itself.
import type { ErrorCode, ErrorFrame } from "./frames.js";

/**
 * What the client itself finds: `not_connected` (the network, or a server that doesn't answer), `closed` (by
 * `close()`), `lost` (it was sent, and whether it was done isn't known), `outbox_full`, `buffer_full` (a `for await`
 * that is too slow) and `unreadable` (no frame of this protocol).
 */
export type ClientErrorCode = "not_connected" | "closed" | "lost" | "outbox_full" | "buffer_full" | "unreadable";

const PASSING: readonly string[] = ["not_connected", "rate_limited", "unavailable", "internal_error"];

/** `message` is for people, `code` for programs. */
export class ChatError extends Error {
  override readonly name = "ChatError";

  constructor(
    message: string,
    readonly code: ErrorCode | ClientErrorCode,
    readonly sessionId?: string,
    /** The message whose reply has failed, if it is about a reply. */
    readonly messageId?: string,
  ) {
    super(message);
  }

  /** Whether the same may work later. */
  get isPassing(): boolean {
    return PASSING.includes(this.code);
  }
}

export function errorOf(frame: ErrorFrame): ChatError {
  return new ChatError(frame.error, frame.metadata.code, frame.session_id, frame.message_id);
}
