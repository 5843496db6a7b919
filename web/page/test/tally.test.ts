import { expect, test } from "vitest";
import { Tally, type ShownWord } from "../src/tally.js";

const first = { word: "A ", cursor: "4.2" };
const second = { word: "novated ", cursor: "4.10" };
const third = { word: "lease", cursor: "4.15" };
const all = [first, second, third];

function tally(...seen: ShownWord[]): Tally {
  const tally = new Tally();
  tally.record(4, all.map(({ word }) => word));
  for (const word of seen) tally.show(word);
  return tally;
}

test("what was shown as it was recorded is neither lost nor doubled", () => {
  const counted = tally(...all);
  counted.reach("5.0");
  expect(counted.count()).toEqual({ shown: 3, lost: 0, doubled: 0 });
});

test("a word that never came is lost, once something later has come", () => {
  const counted = tally(first, third);
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
  const counted = tally(...all, second);
  counted.reach("5.0");
  expect(counted.count()).toEqual({ shown: 4, lost: 0, doubled: 1 });
});

test("a word that isn't the recorded one counts as lost", () => {
  const counted = tally(first, { ...second, word: "other " }, third);
  counted.reach("5.0");
  expect(counted.count().lost).toBe(1);
});

test("a word that comes late isn't lost any more", () => {
  const counted = tally(first, third);
  counted.reach("5.0");
  counted.show(second);
  expect(counted.count().lost).toBe(1); // they came in another order than they were recorded in
  const another = tally();
  another.reach("5.0");
  for (const word of all) another.show(word);
  expect(another.count()).toEqual({ shown: 3, lost: 0, doubled: 0 });
});

// Were all words counted each time, it would take 22 s: more than a test may.
test("a long conversation is counted after every word", () => {
  const counted = new Tally();
  for (let version = 1; version <= 2_000; version++) {
    counted.record(version, Array<string>(10).fill("word "));
    for (let offset = 1; offset <= 10; offset++) {
      counted.show({ cursor: `${version}.${offset * 5}`, word: "word " });
      counted.count();
    }
  }
  expect(counted.count()).toEqual({ shown: 20_000, lost: 0, doubled: 0 });
});

test("words may be shown before the record is read", () => {
  const counted = new Tally();
  for (const word of all) counted.show(word);
  expect(counted.count()).toEqual({ shown: 3, lost: 0, doubled: 0 });
});
