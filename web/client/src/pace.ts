// How fast messages go out: a token bucket for each session. The service counts by the minute, so what may go at once
// and what comes back in a minute must together be no more than it takes.
import { LIMITS } from "./frames.js";

export interface Pace {
  /** So many messages may go at once. */
  readonly burst: number;
  /** So many more in a minute. */
  readonly perMinute: number;
}

/** With these two, no minute has more messages than the service takes. */
export const PACE: Pace = { burst: LIMITS.messagesPerMinute / 3, perMinute: (LIMITS.messagesPerMinute * 2) / 3 };

export class Bucket {
  #tokens: number;
  #at: number;

  constructor(
    private readonly pace: Pace,
    now: number,
  ) {
    this.#tokens = pace.burst;
    this.#at = now;
  }

  /** How many ms until there is a token. */
  wait(now: number): number {
    this.#fill(now);
    return Math.max(0, ((1 - this.#tokens) * 60_000) / this.pace.perMinute);
  }

  /** Take a token, which may be one that is still to come. */
  take(now: number): void {
    this.#fill(now);
    this.#tokens -= 1;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.pace.burst, this.#tokens + ((now - this.#at) * this.pace.perMinute) / 60_000);
    this.#at = now;
  }
}
