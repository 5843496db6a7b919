// How long to wait before trying again: longer each time, and by chance anything from nothing to that (full jitter), so
// that all who were cut off in the same moment don't come back in the same moment.

export class Backoff {
  #attempt = 0;

  constructor(
    private readonly baseMs: number,
    private readonly mostMs: number,
  ) {}

  /** How long to wait this time, in ms. */
  next(): number {
    return Math.random() * Math.min(this.mostMs, this.baseMs * 2 ** this.#attempt++);
  }

  /** It has worked: the next failure is a first one. */
  reset(): void {
    this.#attempt = 0;
  }
}
