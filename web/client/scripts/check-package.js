// What is published is checked as it would be: packed, with its types, and small enough.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const MOST_BYTES = 7000;
const BUNDLE = fileURLToPath(new URL("../../../api/static/chat-client.js", import.meta.url));
const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "chat-client-"));
try {
  const run = (...command) => execFileSync(command[0], command.slice(1), { cwd: PACKAGE, encoding: "utf8" });
  const [packed] = JSON.parse(run("npm", "pack", "--json", "--pack-destination", folder));
  const tarball = join(folder, packed.filename);
  console.log(`${packed.filename}: ${packed.files.length} files, ${packed.size} bytes`);
  const strangers = packed.files.filter(({ path }) => !/^(dist\/[\w-]+\.(js|d\.ts)|README\.md|LICENSE|package\.json)$/.test(path));
  if (strangers.length) throw new Error(`these don't belong into the package: ${strangers.map(({ path }) => path)}`);
  console.log(run("npx", "--no-install", "publint", "run", tarball, "--strict"));
  console.log(run("npx", "--no-install", "attw", tarball, "--profile", "esm-only", "--no-emoji"));
} finally {
  rmSync(folder, { recursive: true });
}

const size = gzipSync(readFileSync(BUNDLE), { level: 9 }).length;
console.log(`chat-client.js: ${size} bytes, gzipped`);
if (size > MOST_BYTES) throw new Error(`that is too much: at most ${MOST_BYTES} are accepted`);
