// The icons, as drawings of our own: nothing is fetched for them, and they take the colour of the text.
import { svg, type SVGTemplateResult, html, type TemplateResult } from "lit";

function icon(drawing: SVGTemplateResult): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">${drawing}</svg>`;
}

export const CHAT = icon(svg`<path d="M4 11.5a8 8 0 1 1 3.6 6.7L4 19.5l1.2-3.4A8 8 0 0 1 4 11.5Z" />`);
export const CLOSE = icon(svg`<path d="m6 6 12 12M18 6 6 18" />`);
export const DOWN = icon(svg`<path d="M12 5v14m-6-6 6 6 6-6" />`);
export const SEND = icon(svg`<path d="M12 19V5m-6 6 6-6 6 6" />`);
export const STOP = icon(svg`<rect x="7" y="7" width="10" height="10" rx="1.5" class="filled" />`);
export const COPY = icon(svg`<rect x="9" y="9" width="11" height="11" rx="2.5" /><path d="M15 5.5A2.5 2.5 0 0 0 12.5 4h-6A2.5 2.5 0 0 0 4 6.5v6A2.5 2.5 0 0 0 5.5 15" />`);
export const CHECK = icon(svg`<path d="m5 12.5 4.5 4.5L19 7.5" />`);
export const RETRY = icon(svg`<path d="M19 12a7 7 0 1 1-2-5l2 2m0-4.5V9h-4.5" />`);
const THUMB = svg`<path d="M7.5 11v9H4.5a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3Zm0 0 3.7-7.3a2.3 2.3 0 0 1 2.6 2.9L13 10h5.4a2 2 0 0 1 2 2.4l-1.2 6a2 2 0 0 1-2 1.6H7.5" />`;
export const UP = icon(THUMB);
export const DOWNVOTE = icon(svg`<g transform="rotate(180 12 12)">${THUMB}</g>`);
