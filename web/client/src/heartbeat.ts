// Finds out that a connection is dead though nobody has closed it: a laptop that slept, a router that forgot. Where
// nothing has come for a while, something is asked; where no answer comes, the connection is given up.

export class Heartbeat {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;

  constructor(
    private readonly quietMs: number,
    private readonly answerMs: () => number,
    private readonly ask: () => void,
    private readonly giveUp: () => void,
  ) {}

  /** Something has come, or the connection has just been made. */
  heard(): void {
    this.stop();
    this.#timer = setTimeout(() => this.probe(), this.quietMs);
  }

  /** Ask now. */
  probe(): void {
    if (this.#isAsking) return;
    this.stop();
    this.#isAsking = true;
    this.#timer = setTimeout(() => {
      this.stop();
      this.giveUp();
    }, this.answerMs());
    this.ask();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#isAsking = false;
  }
}
