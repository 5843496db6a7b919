import { expect, test } from "vitest";
import { Tally } from "../src/tally.js";

const words = ["A ", "novated ", "lease"];
const places = ["4.2", "4.10", "4.15"];
const shown = words.map((word, index) => ({ word, cursor: places[index]! }));

function tally(...seen: typeof shown): Tally {
  const tally = new Tally();
  tally.record(4, words);
  for (const word of seen) tally.show(word);
  return tally;
}

test("what was shown as it was recorded is neither lost nor doubled", () => {
  const counted = tally(...shown);
  counted.reach("5.0");
  expect(counted.count()).toEqual({ shown: 3, lost: 0, doubled: 0 });
});

test("a word that never came is lost, once something later has come", () => {
  const counted = tally(shown[0]!, shown[2]!);
  expect(counted.count().lost).toBe(0);
  counted.reach("5.0");
  expect(counted.count().lost).toBe(1);
});

test("words of an event of which nothing came are all lost", () => {
  const counted = tally();
  counted.reach("5.0");
  expect(counted.count().lost).toBe(3);
});

test("a word that came twice is doubled", () => {
  const counted = tally(...shown, shown[1]!);
  counted.reach("5.0");
  expect(counted.count()).toEqual({ shown: 4, lost: 0, doubled: 1 });
});

test("a word that isn't the recorded one counts as lost", () => {
  const counted = tally(shown[0]!, { ...shown[1]!, word: "other " }, shown[2]!);
  counted.reach("5.0");
  expect(counted.count().lost).toBe(1);
});

test("words may be shown before the record is read", () => {
  const counted = new Tally();
  for (const word of shown) counted.show(word);
  expect(counted.count()).toEqual({ shown: 3, lost: 0, doubled: 0 });
});
