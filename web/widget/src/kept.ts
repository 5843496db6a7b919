// What survives a reload and the way to another page: values in the tab's `sessionStorage`. Where there is no storage, or it
// is full, the widget goes on without.

/** One value under one key. `is` says whether what was found is still one: anybody may write there. */
export class Kept<Value> {
  constructor(
    private readonly key: string,
    private readonly is: (value: unknown) => value is Value,
  ) {}

  get(): Value | undefined {
    try {
      const value: unknown = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
      return this.is(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** Nothing, and there is nothing kept any more. */
  set(value: Value | undefined): void {
    try {
      if (value === undefined) sessionStorage.removeItem(this.key);
      else sessionStorage.setItem(this.key, JSON.stringify(value));
    } catch {
      // Forbidden, or full.
    }
  }
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

export function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}

export function isRatings(value: unknown): value is Record<string, "up" | "down"> {
  return typeof value === "object" && value !== null && Object.values(value).every((each) => each === "up" || each === "down");
}
