import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { endText, ENGLISH, failureText, fill, textsWith } from "../src/texts.js";

const SOURCES = readdirSync(new URL("../src", import.meta.url), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && name !== "texts.ts")
  .map((name) => readFileSync(new URL(`../src/${name}`, import.meta.url), "utf8"))
  .join("\n");

test.each(Object.keys(ENGLISH).filter((key) => !/^(error|end)\./.test(key) || key === "end.anew"))("%s is used", (key) => {
  const [prefix, suffix] = key.split(".") as [string, string?];
  const named = SOURCES.includes(`texts["${key}"]`) || SOURCES.includes(`"${key}"`) || SOURCES.includes(`texts.${key}`);
  const composed = suffix !== undefined && SOURCES.includes(`\`${prefix}.\${`) && SOURCES.includes(`"${suffix}"`);
  expect(named || composed).toBe(true);
});

test("whatever a page overrides is said in its words, all else in English", () => {
  const texts = textsWith({ "composer.send": "Senden" });
  expect(texts["composer.send"]).toBe("Senden");
  expect(texts["composer.label"]).toBe(ENGLISH["composer.label"]);
});

test("values take the places of their names, and a name without a value stays to be seen", () => {
  expect(fill("{name} is typing, {name}", { name: "Alex" })).toBe("Alex is typing, Alex");
  expect(fill("{count} of {most}", { count: 0 })).toBe("0 of {most}");
});

test("a failure is told in the catalogue's words", () => {
  expect(failureText(ENGLISH, { code: "rate_limited", text: "Too many requests" })).toBe(ENGLISH["error.rate_limited"]);
});

test("a failure that is new is told in the service's words", () => {
  expect(failureText(ENGLISH, { code: "moon_in_the_way", text: "The moon is in the way" })).toBe("The moon is in the way");
  expect(failureText(ENGLISH, { code: "moon_in_the_way", text: "" })).toBe(ENGLISH["error.error"]);
  expect(failureText(ENGLISH, { code: "toString", text: "Odd" })).toBe("Odd");
});

test("the end is told by its reason or, after an error, by that", () => {
  expect(endText(ENGLISH, { code: "idle_timeout", text: "Bye" })).toBe(ENGLISH["end.idle_timeout"]);
  expect(endText(ENGLISH, { code: "session_erased", text: "" })).toBe(ENGLISH["error.session_erased"]);
});
