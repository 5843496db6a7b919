// The scroll stays where the reader is: at the end, while the end is looked at; else at the very words that are read.

/** What is asked of the element that scrolls. */
export type Scroller = Pick<HTMLElement, "scrollTop" | "scrollHeight" | "clientHeight">;

/** So near the end is at the end: a finger doesn't aim better. */
const NEAR = 48;

export class ScrollKeeper {
  #isAtEnd = true;
  #top = 0;

  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** The element was scrolled, by the reader or by us. */
  scrolled(scroller: Scroller): void {
    // Only whoever scrolls back leaves the end. That what is below grows comes to the same distance, and means nothing.
    const goesBack = scroller.scrollTop < this.#top;
    const isNear = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight <= NEAR;
    if (isNear) this.#isAtEnd = true;
    else if (goesBack) this.#isAtEnd = false;
    this.#top = scroller.scrollTop;
  }

  /** What is in it has changed, or its size has. */
  settle(scroller: Scroller): void {
    if (!this.#isAtEnd) return;
    scroller.scrollTop = scroller.scrollHeight;
    this.#top = scroller.scrollTop;
  }

  /** Look at what is there, even if it is the end. */
  stay(): void {
    this.#isAtEnd = false;
  }

  /** Look at the end from now on. */
  toEnd(scroller: Scroller): void {
    this.#isAtEnd = true;
    this.settle(scroller);
  }
}

/** Keep an element where it is on the screen, whatever `change` puts above it. */
export async function holding(scroller: HTMLElement, held: Element | null, change: () => Promise<unknown>): Promise<void> {
  const before = held?.getBoundingClientRect().top ?? 0;
  await change();
  if (held) scroller.scrollTop += held.getBoundingClientRect().top - before;
}
