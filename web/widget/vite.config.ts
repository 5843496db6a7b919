// The widget as files for pages without a build of their own, in `api/static`: one classic script, which any page loads by
// one tag, and beside it, as a module, what only some pages load.
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => {
  const isMarkdown = mode === "markdown";
  const name = isMarkdown ? "verbatim-chat-markdown" : "verbatim-chat";
  return {
    build: {
      outDir: process.env["VERBATIM_STATIC"] ?? "../../api/static",
      emptyOutDir: false, // other files live there
      target: "es2022",
      rolldownOptions: {
        input: { [name]: isMarkdown ? "src/markdown.ts" : "src/script.ts" },
        preserveEntrySignatures: "strict",
        output: {
          format: isMarkdown ? "es" : "iife",
          entryFileNames: "[name].js",
          postBanner: `/* Verbatim. Licences: ${name}.licenses.md */`,
        },
      },
      license: { fileName: `${name}.licenses.md` },
      reportCompressedSize: false,
    },
    test: { include: ["test/**/*.test.ts"] },
  };
});
