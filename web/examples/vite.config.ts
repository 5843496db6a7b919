// The examples with a build, one page each. `npm run dev` serves all three.
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [vue()],
  server: { port: 5173, strictPort: true }, // which the service is told: see the README
  build: {
    target: "es2022",
    rolldownOptions: { input: ["react/index.html", "vue/index.html"] },
    reportCompressedSize: false,
  },
});
