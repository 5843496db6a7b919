// The client as one file for pages without a build of their own: `/static/chat-client.js`, with partysocket in it.
import { defineConfig } from "vitest/config";

export default defineConfig({
  build: {
    outDir: process.env["VERBATIM_STATIC"] ?? "../../api/static",
    emptyOutDir: false, // other files live there
    target: "es2022",
    rolldownOptions: {
      input: { "chat-client": "src/index.ts" },
      preserveEntrySignatures: "strict",
      output: {
        entryFileNames: "[name].js",
        minify: { compress: { dropConsole: true } }, // partysocket's advice to developers
        postBanner: "/* Verbatim. Licences: chat-client.licenses.md */",
      },
    },
    license: { fileName: "chat-client.licenses.md" },
    reportCompressedSize: false,
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
  },
});
