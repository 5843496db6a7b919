// A session that is being started: tried until it is there, is refused for good, or isn't wanted any more.
import type { ChatError, SessionView } from "@verbatim/chat-client";
import { retry } from "./retry.js";

export class Start {
  /** Rejects with ChatError where it is refused for good, and with another error when it is given up. */
  readonly session: Promise<SessionView>;
  readonly #abort = new AbortController();
  #state: "connecting" | "offline" = "connecting";

  /** `failed` is told of each attempt that may go better later. */
  constructor(attempt: (signal: AbortSignal) => Promise<SessionView>, failed: (error: ChatError) => void) {
    const { signal } = this.#abort;
    const noted = (error: ChatError) => {
      // Else the service has answered, and says why not yet.
      this.#state = error.code === "not_connected" ? "offline" : "connecting";
      failed(error);
    };
    this.session = retry(() => attempt(signal), noted, signal);
  }

  get state(): "connecting" | "offline" {
    return this.#state;
  }

  giveUp(): void {
    this.#abort.abort();
  }
}
