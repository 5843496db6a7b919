// Markdown as nodes. In a file of its own, which is loaded only where it is wanted.
import DOMPurify from "dompurify";
import { Marked } from "marked";

// A reply is no page: it has no headings of the page's outline, and of pictures, which would be fetched from others, what they
// show in words. What looks like HTML in it is text.
const ALLOWED_TAGS = [
  ...["p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a"],
  ...["table", "thead", "tbody", "tr", "th", "td"],
];
const ALLOWED_ATTR = ["href", "start", "align"];

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  renderer: {
    heading({ tokens }) {
      return `<p><strong>${this.parser.parseInline(tokens)}</strong></p>`;
    },
    html: ({ text }) => escaped(text),
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    image: ({ text }) => escaped(text),
  },
});

/** Whether the page's policy lets it draw: without the Trusted Types of DOMPurify, no text becomes nodes. */
export function isAllowed(): boolean {
  const fragment = DOMPurify.sanitize("<p>", { RETURN_DOM_FRAGMENT: true }) as DocumentFragment | null;
  return fragment !== null;
}

/** The nodes of a text. What could do harm is left out. */
export function rendered(text: string): Node[] {
  const markup = marked.parse(text, { async: false });
  const fragment = DOMPurify.sanitize(markup, { ALLOWED_TAGS, ALLOWED_ATTR, RETURN_DOM_FRAGMENT: true });
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  // What may be too wide scrolls, also by keyboard.
  for (const wide of fragment.querySelectorAll<HTMLElement>("pre, table")) wide.tabIndex = 0;
  return [...fragment.childNodes];
}

/** A text as it is read out: what is drawn, without the marks that it is written with. */
export function plain(text: string): string {
  const drawn = document.createElement("div");
  drawn.append(...rendered(text));
  for (const block of drawn.querySelectorAll("p, li, pre, tr, th, td, br")) block.after(" ");
  return drawn.textContent.replace(/\s+/g, " ").trim();
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
