// What was said before there is a session to say it in: kept over a reload, as the client keeps what is said in one.
import { isTexts, Kept } from "./kept.js";

export interface Unsent {
  readonly key: string;
  readonly text: string;
}

export class UnsentMessages {
  #all: readonly Unsent[];
  #count = 0;
  readonly #kept: Kept<string[]>;

  constructor(name: string) {
    this.#kept = new Kept(name, isTexts);
    this.#all = (this.#kept.get() ?? []).map((text) => this.#keyed(text));
  }

  /** In their order. */
  get all(): readonly Unsent[] {
    return this.#all;
  }

  add(text: string): Unsent {
    const unsent = this.#keyed(text);
    this.#keep([...this.#all, unsent]);
    return unsent;
  }

  remove(unsent: Unsent): void {
    this.#keep(this.#all.filter((other) => other !== unsent));
  }

  clear(): void {
    this.#keep([]);
  }

  #keyed(text: string): Unsent {
    return { key: `unsent ${++this.#count}`, text };
  }

  #keep(all: readonly Unsent[]): void {
    this.#all = all;
    this.#kept.set(all.length ? all.map(({ text }) => text) : undefined);
  }
}
