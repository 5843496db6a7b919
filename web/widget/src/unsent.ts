// What the client doesn't keep, and what is kept over a reload as well: what was said before there is a session to say it in,
// and what couldn't be sent, with what was wrong, until it is sent once more or dismissed.
import { isText, Kept } from "./kept.js";
import type { Failure, Outgoing } from "./thread.js";

type Written = Pick<Outgoing, "text" | "failure">;

export class UnsentMessages {
  #all: readonly Outgoing[];
  #count = 0;
  readonly #kept: Kept<Written[]>;

  constructor(name: string) {
    this.#kept = new Kept(name, areWritten);
    this.#all = (this.#kept.get() ?? []).map((written) => this.#keyed(written));
  }

  /** In their order. */
  get all(): readonly Outgoing[] {
    return this.#all;
  }

  /** What is to be sent. */
  get waiting(): readonly Outgoing[] {
    return this.#all.filter(({ failure }) => !failure);
  }

  add(text: string): Outgoing {
    const unsent = this.#keyed({ text });
    this.keep(unsent);
    return unsent;
  }

  /** Keep a message as it is now: at its place, or as the latest. */
  keep(message: Outgoing): void {
    const index = this.#all.findIndex(({ key }) => key === message.key);
    this.replace(index < 0 ? [...this.#all, message] : this.#all.with(index, message));
  }

  remove(key: string): void {
    this.replace(this.#all.filter((other) => other.key !== key));
  }

  replace(all: readonly Outgoing[]): void {
    this.#all = all;
    this.#kept.set(all.length ? [...all] : undefined);
  }

  #keyed(written: Written): Outgoing {
    return { ...written, key: `unsent ${++this.#count}` };
  }
}

function areWritten(value: unknown): value is Written[] {
  return Array.isArray(value) && value.every(isWritten);
}

function isWritten(value: unknown): value is Written {
  const { text, failure } = Object(value) as Partial<Written>;
  return isText(text) && (failure === undefined || isFailure(failure));
}

function isFailure(value: unknown): value is Failure {
  const { code, text } = Object(value) as Partial<Failure>;
  return isText(code) && isText(text);
}
