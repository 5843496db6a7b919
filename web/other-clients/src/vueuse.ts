import { useWebSocket } from "@vueuse/core";
import { createApp, h, ref } from "vue";
import { added, type Frame, type Lines } from "./lines.js";
import { session, url } from "./session.js";

createApp({
  setup() {
    const lines = ref<Lines>([""]);
    const { send } = useWebSocket(url, {
      autoReconnect: true,
      heartbeat: { interval: 100, pongTimeout: 5000 },
      onMessage: (_, { data }: MessageEvent<string>) => {
        lines.value = added(lines.value, JSON.parse(data) as Frame);
      },
    });
    const say = ({ target }: Event) => {
      send(JSON.stringify({ type: "chat_message", message: (target as HTMLInputElement).value, ...session }));
    };
    return () => [lines.value.map((line) => h("p", line)), h("input", { onChange: say })];
  },
}).mount("#app");
