// The README's examples are correct, as far as the compiler can tell.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const PAGE = fileURLToPath(new URL("../src/readme.ts", import.meta.url));

it("the README's examples, one after another, are a program without a mistake", () => {
  const blocks = [...README.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block);
  const code = blocks.join("\n").replaceAll("@verbatim/chat-client", "./index.js");
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
  };
  const disk = ts.createCompilerHost(options);
  const host = {
    ...disk,
    fileExists: (path: string) => path === PAGE || disk.fileExists(path),
    getSourceFile: (path: string, version: ts.ScriptTarget) =>
      path === PAGE ? ts.createSourceFile(path, code, version) : disk.getSourceFile(path, version),
  };

  const mistakes = ts.getPreEmitDiagnostics(ts.createProgram([PAGE], options, host));

  expect(blocks.length).toBeGreaterThan(4);
  expect(mistakes.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
});
