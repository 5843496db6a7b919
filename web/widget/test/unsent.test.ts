import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TabStorage } from "../../client/test/support/tab.js";
import { UnsentMessages } from "../src/unsent.js";

const texts = ({ all }: UnsentMessages) => all.map(({ text }) => text);

beforeEach(() => vi.stubGlobal("sessionStorage", new TabStorage()));
afterEach(() => vi.unstubAllGlobals());

test("what isn't sent outlives the page, in its order, and what is sent doesn't", () => {
  const before = new UnsentMessages("unsent");
  const [first] = [before.add("one"), before.add("two"), before.add("two")];
  before.remove(first);
  const after = new UnsentMessages("unsent");
  expect(texts(after)).toEqual(["two", "two"]);
  expect(new Set([...after.all, after.add("three")].map(({ key }) => key)).size).toBe(3);
  after.clear();
  expect(texts(new UnsentMessages("unsent"))).toEqual([]);
  expect(sessionStorage).toHaveLength(0);
});

test.each(['"text"', "[1]", "{", "null"])("what somebody else has written there (%s) is nothing", (found) => {
  sessionStorage.setItem("unsent", found);
  expect(texts(new UnsentMessages("unsent"))).toEqual([]);
});

test("where there is no storage, it is kept for as long as the page is there", () => {
  vi.stubGlobal("sessionStorage", undefined);
  const unsent = new UnsentMessages("unsent");
  unsent.add("one");
  expect(texts(unsent)).toEqual(["one"]);
});
