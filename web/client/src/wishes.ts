// `stop` and `feedback`: what is asked of the service beside messages. It answers only where it refuses, so a `ping` goes
// after each, and its `pong` says that what was before it is done.
import { ChatError } from "./errors.js";
import type { ClientFrame, Feedback, Stop } from "./frames.js";
import type { Request } from "./requests.js";

interface Wish {
  readonly frame: Stop | Feedback;
  readonly fulfil: () => void;
  readonly refuse: (error: ChatError) => void;
}

export class Wishes {
  #waiting: Wish[] = [];

  /** Have it asked for as soon as there is a connection. */
  add(frame: Stop | Feedback): Promise<void> {
    return new Promise<void>((fulfil, refuse) => this.#waiting.push({ frame, fulfil, refuse }));
  }

  /** Ask for all that waits. */
  send(send: (frame: ClientFrame, request: Request) => void): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wish of waiting) {
      send(wish.frame, {
        answer: "silence",
        done: wish.fulfil,
        refused: wish.refuse,
        lost: () => this.#lost(wish),
      });
      send({ type: "ping" }, { answer: "pong" });
    }
  }

  /** Nothing of it will be asked for any more. */
  refuseAll(error: ChatError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wish of waiting) wish.refuse(error);
  }

  #lost(wish: Wish): void {
    // The same rating may be given twice. But a second stop could meet another reply.
    if (wish.frame.type === "feedback") this.#waiting.push(wish);
    else wish.refuse(new ChatError("The connection was lost: perhaps the reply was stopped", "lost", wish.frame.session_id));
  }
}
