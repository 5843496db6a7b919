// The callbacks of the specification, in its own shapes, made from the typed events.
import type { Chunk, Complete } from "./frames.js";

/** A word of a reply. */
export interface ChunkMessage {
  readonly type: "chunk";
  readonly chunk: string;
  readonly done: boolean;
  readonly messageId: string;
}

/** A reply has ended. */
export interface CompleteMessage {
  readonly type: "complete";
  readonly responseId: string;
  readonly messageId: string;
  readonly conversationData: Readonly<Record<string, string>>;
  /** Whether the session has ended with it. */
  readonly complete: boolean;
  readonly needsInfo: boolean | null;
  readonly suggestions: readonly string[];
}

export function chunkMessage(frame: Chunk): ChunkMessage {
  return { type: "chunk", chunk: frame.chunk, done: frame.done, messageId: frame.message_id };
}

export function completeMessage(frame: Complete): CompleteMessage {
  return {
    type: "complete",
    responseId: frame.response_id,
    messageId: frame.message_id,
    conversationData: frame.conversation_data,
    complete: frame.complete,
    needsInfo: frame.needs_info ?? null,
    suggestions: frame.suggestions ?? [],
  };
}
