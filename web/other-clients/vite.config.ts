// One page for each client that others have made.
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 1000, // deep-chat
    rolldownOptions: { input: ["deep-chat.html", "vueuse.html", "react-use-websocket.html"] },
    reportCompressedSize: false,
  },
});
