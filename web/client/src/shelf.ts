// What survives a reload: entries in the tab's `sessionStorage`, each under a key of its own, so that two clients in
// one tab don't overwrite each other. Where there is no storage, or it is full, the client goes on without.

/** What is used of `sessionStorage`. */
export type KeyValueStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class Shelf {
  constructor(
    private readonly storage: KeyValueStorage | null,
    private readonly prefix: string,
  ) {}

  put(key: string, value: object): void {
    try {
      this.storage?.setItem(this.prefix + key, JSON.stringify(value));
    } catch {
      // Full, or forbidden: it is kept in memory all the same.
    }
  }

  remove(key: string): void {
    this.storage?.removeItem(this.prefix + key);
  }

  /** All that is kept and is still what `is` says. */
  all<Value>(is: (value: unknown) => value is Value): Value[] {
    return this.#keys().flatMap((key) => {
      const value = parsed(this.storage?.getItem(key) ?? "");
      return is(value) ? [value] : [];
    });
  }

  #keys(): string[] {
    const keys = Array.from({ length: this.storage?.length ?? 0 }, (_, index) => this.storage?.key(index) ?? "");
    return keys.filter((key) => key.startsWith(this.prefix));
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

function parsed(text: string): unknown {
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
