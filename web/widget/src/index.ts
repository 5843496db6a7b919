// What `@verbatim/chat-widget` offers. To import it is to have the element.
import { VerbatimChat } from "./element.js";

export { VerbatimChat };
export { ENGLISH, type Texts } from "./texts.js";
export type { Happening, Thread } from "./thread.js";

VerbatimChat.loadMarkdown ??= () => import("./markdown.js");
if (!customElements.get("verbatim-chat")) customElements.define("verbatim-chat", VerbatimChat);

declare global {
  interface HTMLElementTagNameMap {
    "verbatim-chat": VerbatimChat;
  }
}
