// What the README says of the packages is so.
import { execSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const WEB = fileURLToPath(new URL("../..", import.meta.url));

test("both packages are packed by one command, under the names by which they are installed", () => {
  const pack = /^npm pack .*$/m.exec(README)?.[0] ?? "";
  const packed = JSON.parse(execSync(`${pack} --dry-run --json`, { cwd: WEB, encoding: "utf8" })) as {
    filename: string;
    files: { path: string }[];
  }[];
  const installed = /^npm install (.*)$/m.exec(README)?.[1]?.split(" ");
  expect(packed.map(({ filename }) => `./${filename}`)).toEqual(installed);
  for (const { files } of packed) expect(files.map(({ path }) => path)).toContain("dist/index.js");
});
