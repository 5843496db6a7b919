// `stop` and `feedback`: what is asked of the service beside messages. It answers only where it refuses, so a `ping` goes
// after each, and its `pong` says that what was before it is done.
import { ChatError } from "./errors.js";
import type { Feedback, Stop } from "./frames.js";
import type { Send } from "./requests.js";

interface Command {
  readonly frame: Stop | Feedback;
  readonly resolve: () => void;
  readonly reject: (error: ChatError) => void;
}

export class Commands {
  readonly #waiting: Command[] = [];

  constructor(private readonly send: Send) {}

  /** Have it sent by the next `sendAll`. */
  add(frame: Stop | Feedback): Promise<void> {
    return new Promise<void>((resolve, reject) => this.#waiting.push({ frame, resolve, reject }));
  }

  sendAll(): void {
    for (const command of this.#waiting.splice(0)) {
      const { frame, resolve, reject } = command;
      this.send(frame, { done: resolve, refused: reject, lost: () => this.#lost(command) });
      this.send({ type: "ping" }, {});
    }
  }

  /** None of them will be sent any more. */
  rejectAll(error: ChatError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #lost(command: Command): void {
    const { frame, reject } = command;
    // The same rating may be given twice. But a second stop could meet another reply.
    if (frame.type === "feedback") this.#waiting.push(command);
    else reject(new ChatError("The connection was lost: perhaps the reply was stopped", "lost", frame.session_id));
  }
}
