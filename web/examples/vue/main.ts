import { createApp } from "vue";
import Chat from "./Chat.vue";

createApp(Chat, { url: "ws://127.0.0.1:8000/ws/chat/" }).mount("#app");
