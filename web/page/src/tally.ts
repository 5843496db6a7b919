// Compares the words that were shown with those on the record: how many were lost, and how many doubled.

/** A word that was shown: `cursor` is its place in the log, `version.offset`. */
export interface ShownWord {
  readonly cursor: string;
  readonly word: string;
}

export interface Count {
  readonly shown: number;
  readonly lost: number;
  readonly doubled: number;
}

/** Words by the version of the event that recorded them. */
export class Tally {
  readonly #recorded = new Map<number, readonly string[]>();
  readonly #shown = new Map<number, ShownWord[]>();
  #latest = 0;

  /** Some words were put on the record, as one event. */
  record(version: number, words: readonly string[]): void {
    this.#recorded.set(version, words);
  }

  /** A word was shown. */
  show(word: ShownWord): void {
    const version = versionOf(word.cursor);
    const words = this.#shown.get(version);
    if (words) words.push(word);
    else this.#shown.set(version, [word]);
    this.reach(word.cursor);
  }

  /** All up to this place was shown: what isn't shown by now is lost. */
  reach(cursor: string): void {
    this.#latest = Math.max(this.#latest, versionOf(cursor));
  }

  count(): Count {
    let [shown, lost, doubled] = [0, 0, 0];
    for (const [version, words] of this.#shown) {
      const places = new Set(words.map(({ cursor }) => cursor));
      shown += words.length;
      doubled += words.length - places.size;
      const recorded = this.#recorded.get(version);
      if (recorded && version < this.#latest && text(once(words)) !== recorded.join("")) {
        lost += Math.max(1, recorded.length - places.size);
      }
    }
    for (const [version, words] of this.#recorded) {
      if (version < this.#latest && !this.#shown.has(version)) lost += words.length;
    }
    return { shown, lost, doubled };
  }
}

function versionOf(cursor: string): number {
  return Number(cursor.split(".")[0]);
}

function once(words: readonly ShownWord[]): readonly ShownWord[] {
  return [...new Map(words.map((word) => [word.cursor, word])).values()];
}

function text(words: readonly ShownWord[]): string {
  return words.map(({ word }) => word).join("");
}
