// What is committed in `api/static` is what the sources make: the service serves it without a build of its own.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const WIDGET = fileURLToPath(new URL("..", import.meta.url));
const STATIC = fileURLToPath(new URL("../../../api/static", import.meta.url));
const made = mkdtempSync(join(tmpdir(), "verbatim-widget-"));
afterAll(() => rmSync(made, { recursive: true }));

const text = (folder: string, file: string) => readFileSync(join(folder, file), "utf8");

test.each([
  ["production", "verbatim-chat"],
  ["markdown", "verbatim-chat-markdown"],
])("what is built as %s is what is served as %s", (mode, name) => {
  // In a process of its own: in this one, libraries would be taken for being tested.
  const env = { ...process.env, NODE_ENV: "production" };
  execFileSync("npx", ["vite", "build", "--mode", mode, "--outDir", made], { cwd: WIDGET, env, stdio: "pipe" });
  for (const file of [`${name}.js`, `${name}.licenses.md`]) {
    expect(text(made, file) === text(STATIC, file), `${file}: npm run build -w widget`).toBe(true);
  }
}, 60_000);
