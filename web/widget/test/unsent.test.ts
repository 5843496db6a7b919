import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TabStorage } from "../../client/test/support/tab.js";
import { UnsentMessages } from "../src/unsent.js";

const FAILURE = { code: "conflict", text: "Not so" };
const texts = ({ all }: UnsentMessages) => all.map(({ text }) => text);

beforeEach(() => vi.stubGlobal("sessionStorage", new TabStorage()));
afterEach(() => vi.unstubAllGlobals());

test("what isn't sent outlives the page, in its order and with what was wrong, and what is sent doesn't", () => {
  const before = new UnsentMessages("unsent");
  const [first, second] = [before.add("one"), before.add("two"), before.add("two")];
  before.remove(first.key);
  before.keep({ ...second, failure: FAILURE });
  before.keep({ key: "another's", text: "three", failure: FAILURE });
  const after = new UnsentMessages("unsent");
  expect(after.all).toMatchObject([{ text: "two", failure: FAILURE }, { text: "two" }, { text: "three", failure: FAILURE }]);
  expect(after.waiting).toEqual([after.all[1]]);
  expect(new Set([...after.all, after.add("four")].map(({ key }) => key)).size).toBe(4);
  after.replace([]);
  expect(texts(new UnsentMessages("unsent"))).toEqual([]);
  expect(sessionStorage).toHaveLength(0);
});

test.each(['"text"', "[1]", '[{"text":1}]', '[{"text":"one","failure":"no"}]', "{", "null"])("what somebody else has written there (%s) is nothing", (found) => {
  sessionStorage.setItem("unsent", found);
  expect(texts(new UnsentMessages("unsent"))).toEqual([]);
});

test("where there is no storage, it is kept for as long as the page is there", () => {
  vi.stubGlobal("sessionStorage", undefined);
  const unsent = new UnsentMessages("unsent");
  unsent.add("one");
  expect(texts(unsent)).toEqual(["one"]);
});
