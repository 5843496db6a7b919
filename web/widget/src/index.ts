// What `@verbatim/chat-widget` offers. To import it is to have the element.
import { VerbatimChat } from "./element.js";

export { VerbatimChat };
export type { Details, Spoken } from "./events.js";
export { ENGLISH, type Texts } from "./texts.js";

VerbatimChat.loadMarkdown ??= () => import("./markdown.js");
if (!customElements.get("verbatim-chat")) customElements.define("verbatim-chat", VerbatimChat);

declare global {
  interface HTMLElementTagNameMap {
    "verbatim-chat": VerbatimChat;
  }
}
