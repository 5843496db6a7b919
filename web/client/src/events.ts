// What can be listened to, by name.
import type { ChatError } from "./errors.js";
import type { ServerFrame } from "./frames.js";
import type { OutgoingMessage } from "./outbox.js";
import type { StateChange } from "./states.js";

/** Each frame under its own type, as the service sent it, once. */
export type FrameEvents = { readonly [Type in ServerFrame["type"]]: Extract<ServerFrame, { type: Type }> };

export interface ChatEvents extends FrameEvents {
  /** Every frame, after the event of its own type. */
  readonly frame: ServerFrame;
  readonly state: StateChange;
  /** Whatever didn't work, found by the service or by the client: `setOnError` gets the same. */
  readonly problem: ChatError;
  /** A connection, or an attempt, has ended. `setOnClose` is told in the same moments. */
  readonly disconnect: { readonly code: number; readonly reason: string };
  /** A message was refused for good, and is in the outbox no more. */
  readonly undelivered: { readonly message: OutgoingMessage; readonly error: ChatError };
  /** A session can't be followed: it isn't there, isn't this visitor's, or was erased. It is forgotten. */
  readonly refused: { readonly session_id: string; readonly error: ChatError };
}
