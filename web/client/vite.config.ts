// The client as one file for pages without a build of their own: `/static/chat-client.js`.
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
        postBanner: "/* Verbatim. Licence: Apache-2.0 */",
      },
    },
    reportCompressedSize: false,
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
  },
});
