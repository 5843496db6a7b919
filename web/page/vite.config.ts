// The pages as files with stable names, in `api/static`. The widget isn't built into it: it is loaded by its script tag, as
// any other site would.
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/static/",
  publicDir: false,
  build: {
    outDir: process.env["VERBATIM_STATIC"] ?? "../../api/static",
    emptyOutDir: false, // other files live there
    target: "es2022",
    modulePreload: false,
    rolldownOptions: {
      input: { page: "index.html", embed: "embed.html" },
      output: { entryFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
    reportCompressedSize: false,
  },
  test: { include: ["test/**/*.test.ts"] },
});
