// The one script tag: `<script src="https://chat.example/static/verbatim-chat.js" async></script>`. The service is where the
// script came from. With `data-launcher`, a page needs no element either: other `data-` attributes are given to it.
import { VerbatimChat } from "./element.js";
import type * as Markdown from "./markdown.js";

// Nothing, where it isn't run by a tag of its own: then an element says where its service is.
const script = document.currentScript as HTMLScriptElement | null;

if (!customElements.get("verbatim-chat")) {
  if (script?.src) VerbatimChat.home = new URL("..", script.src).href;
  const markdown = new URL("static/verbatim-chat-markdown.js", new URL(VerbatimChat.home, document.baseURI)).href;
  let attempts = 0;
  // What a browser couldn't import it doesn't ask for again, but under another address.
  const address = () => (attempts++ ? `${markdown}?${attempts}` : markdown);
  VerbatimChat.loadMarkdown = () => import(/* @vite-ignore */ address()) as Promise<typeof Markdown>;
  customElements.define("verbatim-chat", VerbatimChat);
  const given = script?.dataset;
  if (given?.launcher !== undefined) whenParsed(() => addLauncher(given));
}

function addLauncher(attributes: DOMStringMap): void {
  if (document.querySelector("verbatim-chat")) return;
  const element = document.createElement("verbatim-chat");
  for (const [name, value] of Object.entries(attributes)) if (name !== "launcher") element.setAttribute(dashed(name), value ?? "");
  document.body.append(element);
}

function whenParsed(then: () => void): void {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", then, { once: true });
  else then();
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
