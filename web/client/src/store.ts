// What survives a reload: entries in the tab's `sessionStorage`, each under a key of its own, so that two clients in
// one tab don't overwrite each other. Where there is no storage, or it refuses, the client goes on without.

/** What is used of `sessionStorage`. */
export type KeyValueStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

interface Ordered {
  readonly order: number;
}

export class Store {
  readonly #orders = new Map<string, number>();
  #latest = 0;

  constructor(
    private readonly storage: KeyValueStorage | null,
    private readonly prefix: string,
  ) {}

  /** Keep a value: the latest of all, unless the key is there already. */
  put(key: string, value: object): void {
    // A storage has no order of its own. Time gives one to what several clients of a tab have put there.
    const order = this.#orders.get(key) ?? (this.#latest = Math.max(this.#latest + 1, Date.now()));
    this.#orders.set(key, order);
    this.#use((storage) => storage.setItem(this.prefix + key, JSON.stringify({ ...value, order })));
  }

  remove(key: string): void {
    this.#orders.delete(key);
    this.#use((storage) => storage.removeItem(this.prefix + key));
  }

  /** All that is kept and is still what `is` says, the latest last. Put it again in this order, so that it stays before what comes later. */
  all<Value>(is: (value: unknown) => value is Value): Value[] {
    const values = this.#use((storage) =>
      Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "")
        .filter((key) => key.startsWith(this.prefix))
        .map((key) => parsed(storage.getItem(key) ?? "")),
    );
    const known = (value: unknown): value is Value & Ordered => is(value);
    return (values ?? []).filter(known).sort((one, other) => one.order - other.order);
  }

  /** Full, or forbidden: all is kept in memory anyway. */
  #use<Result>(use: (storage: KeyValueStorage) => Result): Result | undefined {
    try {
      return this.storage ? use(this.storage) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** The tab's own storage, unless the browser forbids even to look at it. */
export function tabStorage(): KeyValueStorage | null {
  try {
    return (globalThis as { sessionStorage?: Storage }).sessionStorage ?? null;
  } catch {
    return null;
  }
}

/** What a text says in JSON; undefined, if nothing. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a value has these fields, all of them text. */
export function hasTexts<Name extends string>(value: unknown, ...names: Name[]): value is Record<Name, string> {
  return typeof value === "object" && value !== null && names.every((name) => typeof Reflect.get(value, name) === "string");
}
