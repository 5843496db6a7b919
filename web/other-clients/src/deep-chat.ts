import "deep-chat";
import type { Frame } from "./lines.js";
import { session, url } from "./session.js";

const END = "\0end";
const NOTHING = { text: "" };

const chat = document.createElement("deep-chat");
chat.connect = { url, websocket: true, stream: { simulation: END } };
chat.requestInterceptor = ({ body }: { readonly body: { readonly messages: readonly { readonly text: string }[] } }) => {
  return { body: { type: "chat_message", message: body.messages.at(-1)?.text, ...session } };
};
chat.responseInterceptor = ({ type, chunk = "", message, error = "" }: Frame) => {
  switch (type) {
    case "chunk":
      return { text: chunk };
    case "complete":
      return { text: END };
    case "idle_warning":
    case "session_end":
      if (message) chat.addMessage({ role: "ai", text: message });
      return NOTHING;
    case "error":
      return { error };
    default:
      return NOTHING; // such as the greeting
  }
};
document.querySelector("#app")?.append(chat);
