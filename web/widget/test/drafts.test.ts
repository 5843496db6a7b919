import { expect, test } from "vitest";
import { charsLeft, isComposing, isNearLimit, isSendKey } from "../src/drafts.js";

const ENTER = { key: "Enter", shiftKey: false, isComposing: false, keyCode: 13 };

test("Enter sends, and Shift with Enter is a new line", () => {
  expect(isSendKey(ENTER)).toBe(true);
  expect(isSendKey({ ...ENTER, shiftKey: true })).toBe(false);
  expect(isSendKey({ ...ENTER, key: "a" })).toBe(false);
});

test("a key that composes a character is nothing else, however a browser tells it", () => {
  const [early, late] = [{ ...ENTER, isComposing: true }, { ...ENTER, keyCode: 229 }];
  expect([early, late, ENTER].map(isComposing)).toEqual([true, true, false]);
  expect([early, late].some(isSendKey)).toBe(false);
});

test("characters are counted as the service counts them", () => {
  expect(charsLeft("👋🏽 hi ", 10)).toBe(5);
  expect(charsLeft("a".repeat(12), 10)).toBe(-2);
});

test("what is left is told in the last tenth", () => {
  expect(isNearLimit(charsLeft("", 4000), 4000)).toBe(false);
  expect(isNearLimit(399, 4000)).toBe(true);
  expect(isNearLimit(-1, 4000)).toBe(true);
});
