// What was sent on this connection and awaits its answer. The service takes frames one after another and answers in
// that order, but only of a message does an error say that it answers it: it is the first that is still waiting.
import { errorOf, type ChatError } from "./errors.js";
import type { ClientFrame, ServerFrame } from "./frames.js";

export interface Request {
  /** The type of the frame that says it is done; `silence`, where only a later answer tells that. */
  readonly answer: "connected" | "accepted" | "pong" | "silence";
  done?(frame: ServerFrame): void;
  refused?(error: ChatError): void;
  /** The connection was lost before there was an answer. */
  lost?(): void;
}

/** Send a frame, and have the request told what becomes of it. */
export type Send = (frame: ClientFrame, request: Request) => void;

export class Requests {
  readonly #waiting: Request[] = [];

  get isEmpty(): boolean {
    return !this.#waiting.length;
  }

  add(request: Request): void {
    this.#waiting.push(request);
  }

  /** Tell whoever waits for this frame. */
  receive(frame: ServerFrame): void {
    if (frame.type === "error") {
      // One with a place in the log tells of a reply, and answers nothing.
      if (!frame.metadata.cursor) this.#waiting.shift()?.refused?.(errorOf(frame));
      return;
    }
    // The greeting of a new connection names no session, and answers nothing either.
    if (frame.type === "connected" && !frame.session_id) return;
    const index = this.#waiting.findIndex(({ answer }) => answer === frame.type);
    for (const request of this.#waiting.splice(0, index + 1)) request.done?.(frame);
  }

  loseAll(): void {
    for (const request of this.#waiting.splice(0)) request.lost?.();
  }
}
