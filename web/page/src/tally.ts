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

/** The words of one event: those on the record, once that is read, and those that were shown, by their cursors. */
interface Batch {
  recorded: readonly string[] | undefined;
  readonly shown: Map<string, string>;
  lost: number;
}

/** Counts as it goes: a page asks after every word, and a conversation may have many thousands. */
export class Tally {
  readonly #batches = new Map<number, Batch>();
  /** Those that are still being shown: what they lack may yet come. */
  readonly #open = new Set<number>();
  #latest = 0;
  #shown = 0;
  #lost = 0;
  #doubled = 0;

  /** Some words were put on the record, as one event. */
  record(version: number, words: readonly string[]): void {
    this.#batch(version).recorded = words;
    this.#look(version);
  }

  /** A word was shown. */
  show({ cursor, word }: ShownWord): void {
    const version = versionOf(cursor);
    const { shown } = this.#batch(version);
    this.#shown += 1;
    if (shown.has(cursor)) this.#doubled += 1;
    shown.set(cursor, word);
    this.#look(version);
    this.reach(cursor);
  }

  /** All up to this place was shown: what isn't shown by now is lost. */
  reach(cursor: string): void {
    const version = versionOf(cursor);
    if (version <= this.#latest) return;
    this.#latest = version;
    for (const open of [...this.#open]) this.#look(open);
  }

  count(): Count {
    return { shown: this.#shown, lost: this.#lost, doubled: this.#doubled };
  }

  #batch(version: number): Batch {
    const batch = this.#batches.get(version) ?? { recorded: undefined, shown: new Map<string, string>(), lost: 0 };
    this.#batches.set(version, batch);
    return batch;
  }

  /** Count anew what a batch has lost, if it has been shown as far as it will be. */
  #look(version: number): void {
    if (version >= this.#latest) {
      this.#open.add(version);
      return;
    }
    this.#open.delete(version);
    const batch = this.#batch(version);
    const lost = lostOf(batch);
    this.#lost += lost - batch.lost;
    batch.lost = lost;
  }
}

function versionOf(cursor: string): number {
  return Number(cursor.split(".")[0]);
}

function lostOf({ recorded, shown }: Batch): number {
  if (!recorded || [...shown.values()].join("") === recorded.join("")) return 0;
  return Math.max(1, recorded.length - shown.size);
}
