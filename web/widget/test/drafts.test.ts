import { expect, test } from "vitest";
import { charsLeft, isNearLimit, isSendKey } from "../src/drafts.js";

const ENTER = { key: "Enter", shiftKey: false, isComposing: false, keyCode: 13 };

test("Enter sends, and Shift with Enter is a new line", () => {
  expect(isSendKey(ENTER)).toBe(true);
  expect(isSendKey({ ...ENTER, shiftKey: true })).toBe(false);
  expect(isSendKey({ ...ENTER, key: "a" })).toBe(false);
});

test("the Enter that ends the composing of a character doesn't send, however a browser tells it", () => {
  expect(isSendKey({ ...ENTER, isComposing: true })).toBe(false);
  expect(isSendKey({ ...ENTER, keyCode: 229 })).toBe(false); // eslint-disable-line @typescript-eslint/no-deprecated
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
