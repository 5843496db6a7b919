// What is committed in api/static is what the sources build, byte for byte: nobody needs Node to run the service.
import { execSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const STATIC = fileURLToPath(new URL("../../api/static", import.meta.url));

const built = mkdtempSync(join(tmpdir(), "verbatim-static-"));
try {
  execSync("npm run build", { env: { ...process.env, VERBATIM_STATIC: built }, stdio: "inherit" });
  const files = readdirSync(built, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map((file) => join(file.parentPath ?? file.path, file.name).slice(built.length + 1));
  const others = names.filter((name) => !same(join(built, name), join(STATIC, name)));
  if (others.length) throw new Error(`api/static isn't what the sources build: ${others}. Build it anew: make web`);
  console.log(`api/static: ${names.length} files are what the sources build`);
} finally {
  rmSync(built, { recursive: true });
}

function same(one, other) {
  try {
    return readFileSync(one).equals(readFileSync(other));
  } catch {
    return false;
  }
}
