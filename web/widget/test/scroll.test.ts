import { expect, test } from "vitest";
import { ScrollKeeper } from "../src/scroll.js";

/** What scrolls, with a browser's own rule: never further than to the end. */
class Scroller {
  #top = 0;
  scrollHeight = 1000;
  clientHeight = 400;

  get scrollTop(): number {
    return this.#top;
  }

  set scrollTop(top: number) {
    this.#top = Math.max(0, Math.min(top, this.scrollHeight - this.clientHeight));
  }
}

function kept(): { keeper: ScrollKeeper; scroller: Scroller } {
  const [keeper, scroller] = [new ScrollKeeper(), new Scroller()];
  keeper.settle(scroller);
  return { keeper, scroller };
}

test("whoever looks at the end goes on seeing the end", () => {
  const { keeper, scroller } = kept();
  scroller.scrollHeight = 1500;
  keeper.settle(scroller);
  expect(scroller.scrollTop).toBe(1100);
});

test("whoever reads further up stays there, however much is added below", () => {
  const { keeper, scroller } = kept();
  scroller.scrollTop = 200;
  keeper.scrolled(scroller);
  scroller.scrollHeight = 1500;
  keeper.settle(scroller);
  expect(scroller.scrollTop).toBe(200);
  expect(keeper.isAtEnd).toBe(false);
});

test("whoever comes back near the end sees the end again", () => {
  const { keeper, scroller } = kept();
  scroller.scrollTop = 200;
  keeper.scrolled(scroller);
  scroller.scrollTop = 580;
  keeper.scrolled(scroller);
  scroller.scrollHeight = 1500;
  keeper.settle(scroller);
  expect(scroller.scrollTop).toBe(1100);
});

test("a scroll that is told only after more has come doesn't mean that the reader has left", () => {
  const { keeper, scroller } = kept();
  scroller.scrollHeight = 1500;
  keeper.scrolled(scroller);
  expect(keeper.isAtEnd).toBe(true);
});

test("what shrinks keeps its end in view", () => {
  const { keeper, scroller } = kept();
  scroller.scrollHeight = 700;
  scroller.scrollTop = 300;
  keeper.scrolled(scroller);
  expect(keeper.isAtEnd).toBe(true);
});

test("whoever sends something sees it, and whoever is shown what is earlier stays", () => {
  const { keeper, scroller } = kept();
  scroller.scrollTop = 0;
  keeper.scrolled(scroller);
  keeper.toEnd(scroller);
  expect(scroller.scrollTop).toBe(600);
  keeper.stay();
  scroller.scrollHeight = 3000;
  keeper.settle(scroller);
  expect(scroller.scrollTop).toBe(600);
});
