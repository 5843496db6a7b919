import { expect, test } from "vitest";
import { timeOf } from "../src/times.js";

const AFTERNOON = new Date(2026, 0, 1, 15, 4).getTime();

test("a time is told in the page's language", () => {
  expect(timeOf(AFTERNOON, "de")).toBe("15:04");
  expect(timeOf(AFTERNOON, "en-US")).toMatch(/^3:04\sPM$/);
});

test.each(["", "en_US", "nonsense-beyond-eight"])("where the language is %j, in the browser's", (lang) => {
  const own = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
  expect(timeOf(AFTERNOON, lang)).toBe(own.format(AFTERNOON));
});
