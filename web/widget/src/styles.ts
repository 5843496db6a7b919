// How the widget looks. Pages change it by the variables `--verbatim-*` and by `::part()`. All is logical: it turns around in
// a page that is written from right to left.
import { css, unsafeCSS } from "lit";

/** Where the panel of a launcher covers the whole page. */
export const COVERS = "(max-width: 480px), (max-height: 440px)";

const LIGHT = css`
  color-scheme: light;
  --_accent: var(--verbatim-accent, #0f766e);
  --_on-accent: var(--verbatim-on-accent, #fff);
  --_link: var(--verbatim-link, #0f766e);
  --_surface: var(--verbatim-surface, #fff);
  --_tint: var(--verbatim-tint, #f1f4f4);
  --_text: var(--verbatim-text, #18211f);
  --_muted: var(--verbatim-muted, #5b6765);
  --_line: var(--verbatim-line, #dde4e3);
  --_danger: var(--verbatim-danger, #b42318);
  --_warm: var(--verbatim-warm, #fdf5e3);
  --_shadow: var(--verbatim-shadow, 0 12px 40px rgb(10 30 28 / 18%), 0 2px 8px rgb(10 30 28 / 10%));
`;

const DARK = css`
  color-scheme: dark;
  --_accent: var(--verbatim-accent, #0f766e);
  --_on-accent: var(--verbatim-on-accent, #fff);
  --_link: var(--verbatim-link, #5eead4);
  --_surface: var(--verbatim-surface, #151b1b);
  --_tint: var(--verbatim-tint, #232b2b);
  --_text: var(--verbatim-text, #e8eeed);
  --_muted: var(--verbatim-muted, #9dabaa);
  --_line: var(--verbatim-line, #323d3c);
  --_danger: var(--verbatim-danger, #ff9d92);
  --_warm: var(--verbatim-warm, #332b18);
  --_shadow: var(--verbatim-shadow, 0 12px 40px rgb(0 0 0 / 55%), 0 0 0 1px rgb(255 255 255 / 8%));
`;

const FRAME = css`
  :host {
    display: block;
  }
  :host([hidden]) {
    display: none;
  }
  /* What a page says of all its elements, or of this one, wins over :host, and would be inherited. */
  .chat {
    all: initial;
    visibility: inherit;
    display: block;
    ${LIGHT}
    --_radius: var(--verbatim-radius, 18px);
    font: 400 var(--verbatim-font-size, 16px) / 1.5
      var(--verbatim-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif);
    color: var(--_text);
    -webkit-text-size-adjust: 100%;
  }
  @media screen and (prefers-color-scheme: dark) {
    :host(:not([theme="light"])) .chat {
      ${DARK}
    }
  }
  @media screen {
    :host([theme="dark"]) .chat {
      ${DARK}
    }
  }
  *,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  .chat.inline {
    block-size: var(--verbatim-height, 36rem);
    max-block-size: 100dvh;
  }
  .panel {
    display: flex;
    flex-direction: column;
    block-size: 100%;
    overflow: hidden;
    position: relative;
    background: var(--_surface);
    border: 1px solid var(--_line);
    border-radius: var(--_radius);
    outline: 0;
  }
  .launched .panel {
    position: fixed;
    z-index: var(--verbatim-z-index, 2147483000);
    inset-block-end: var(--verbatim-offset, 20px);
    inset-inline-end: var(--verbatim-offset, 20px);
    inline-size: min(var(--verbatim-width, 400px), calc(100vw - 2 * var(--verbatim-offset, 20px)));
    block-size: min(var(--verbatim-height, 680px), calc(100dvh - 2 * var(--verbatim-offset, 20px)));
    border: 0;
    box-shadow: var(--_shadow);
    animation: rise 0.2s ease-out;
  }
  .launcher {
    position: fixed;
    z-index: var(--verbatim-z-index, 2147483000);
    inset-block-end: calc(var(--verbatim-offset, 20px) + env(safe-area-inset-bottom, 0px));
    inset-inline-end: var(--verbatim-offset, 20px);
    inline-size: 56px;
    block-size: 56px;
    border-radius: 50%;
    background: var(--_accent);
    color: var(--_on-accent);
    box-shadow: var(--_shadow);
    transition: transform 0.15s ease-out;
  }
  .launcher:hover {
    transform: scale(1.05);
  }
  .launcher .icon {
    inline-size: 26px;
    block-size: 26px;
  }
  .badge {
    position: absolute;
    inset-block-start: -4px;
    inset-inline-end: -4px;
    min-inline-size: 22px;
    padding-inline: 6px;
    border-radius: 11px;
    border: 2px solid var(--_surface);
    background: #b42318;
    color: #fff;
    font-size: 12px;
    line-height: 18px;
    font-weight: 600;
  }
  header {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 14px 16px;
    border-block-end: 1px solid var(--_line);
  }
  .avatar {
    flex: none;
    display: grid;
    place-items: center;
    inline-size: 38px;
    block-size: 38px;
    border-radius: 50%;
    overflow: hidden;
    background: var(--_accent);
    color: var(--_on-accent);
    font-weight: 600;
    font-size: 17px;
  }
  .avatar img {
    inline-size: 100%;
    block-size: 100%;
    object-fit: cover;
  }
  .titles {
    flex: 1;
    min-inline-size: 0;
  }
  h2,
  .titles p {
    margin: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  h2 {
    font-size: 16px;
    font-weight: 650;
    line-height: 1.3;
  }
  .titles p {
    color: var(--_muted);
    font-size: 13px;
    line-height: 1.35;
  }
  .alarm {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    padding-block: 4px;
    padding-inline: 16px 8px;
    border-block-start: 1px solid var(--_line);
    background: var(--_warm);
    font-size: 13px;
  }
  .alarm [role="alert"],
  .failure,
  .connection.failed {
    color: var(--_danger);
  }
  .icon {
    fill: none;
    stroke: currentColor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
    flex: none;
  }
  .icon .filled {
    fill: currentColor;
  }
  .spoken {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
    user-select: none;
  }
`;

const BUTTONS = css`
  button {
    font: inherit;
    color: inherit;
    margin: 0;
    padding: 0;
    border: 0;
    background: none;
    cursor: pointer;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-block-size: 32px;
    min-inline-size: 32px;
    touch-action: manipulation;
    -webkit-tap-highlight-color: transparent;
  }
  :focus-visible {
    outline: 2px solid var(--_link);
    outline-offset: 2px;
  }
  .tool {
    border-radius: 8px;
    color: var(--_muted);
  }
  .tool:hover {
    background: var(--_tint);
    color: var(--_text);
  }
  .tool .icon {
    inline-size: 16px;
    block-size: 16px;
  }
  .tool[aria-pressed="true"] {
    color: var(--_link);
  }
  .tool[aria-pressed="true"] .icon {
    fill: color-mix(in srgb, currentColor 25%, transparent);
  }
  .close .icon {
    inline-size: 20px;
    block-size: 20px;
  }
  .quiet {
    padding-inline: 10px;
    border-radius: 16px;
    font-size: 13px;
    font-weight: 600;
    color: var(--_link);
  }
  .quiet:hover {
    background: var(--_tint);
  }
  .quiet .icon {
    inline-size: 14px;
    block-size: 14px;
  }
  .primary {
    padding: 8px 18px;
    border-radius: 20px;
    background: var(--_accent);
    color: var(--_on-accent);
    font-size: 15px;
    font-weight: 600;
  }
  .chip {
    padding: 7px 14px;
    border: 1px solid var(--_line);
    border-radius: 18px;
    background: var(--_surface);
    color: var(--_link);
    font-size: 14px;
    line-height: 1.35;
    text-align: start;
    overflow-wrap: anywhere;
  }
  .chip:hover {
    border-color: currentColor;
    background: var(--_tint);
  }
`;

const LOG = css`
  .stage {
    flex: 1;
    min-block-size: 0;
    position: relative;
    display: flex;
  }
  .log {
    flex: 1;
    min-inline-size: 0;
    overflow-y: auto;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    outline-offset: -2px;
  }
  .content {
    display: flex;
    flex-direction: column;
    gap: 10px;
    min-block-size: 100%;
    padding: 16px;
  }
  .log[aria-busy="true"] .content {
    padding-block-end: 60px; /* the button to stop it stands here */
  }
  .entry {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    content-visibility: auto;
    contain-intrinsic-size: auto 64px;
  }
  .visitor {
    align-items: flex-end;
  }
  .bubble {
    max-inline-size: min(88%, 36rem);
    padding: 9px 14px;
    border-radius: var(--_radius);
    font-size: 15px;
    line-height: 1.5;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .visitor .bubble {
    background: var(--_accent);
    color: var(--_on-accent);
    border-end-end-radius: 5px;
  }
  .assistant .bubble {
    background: var(--_tint);
    border-end-start-radius: 5px;
  }
  .notice .bubble {
    background: var(--_warm);
    border-end-start-radius: 5px;
  }
  .failed.outgoing .bubble {
    background: none;
    color: var(--_text);
    box-shadow: inset 0 0 0 1px var(--_danger);
  }
  .interrupted .bubble,
  .assistant.failed .bubble {
    box-shadow: inset 0 0 0 1px var(--_line);
    background: none;
  }
  .note {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 6px;
    padding: 3px 6px 0;
    color: var(--_muted);
    font-size: 13px;
    line-height: 1.4;
  }
  .note.failure {
    justify-content: flex-end;
    color: var(--_danger);
    text-align: end;
  }
  .patient {
    animation: appear 0.2s 1s both;
  }
  .open.bubble::after {
    content: "";
    display: inline-block;
    inline-size: 2px;
    block-size: 1.1em;
    margin-inline-start: 2px;
    vertical-align: text-bottom;
    border-radius: 1px;
    background: var(--_link);
    animation: blink 1s steps(2, jump-none) infinite;
  }
  .typing {
    display: flex;
    gap: 5px;
    align-items: center;
    min-block-size: 40px;
  }
  .typing i {
    inline-size: 7px;
    block-size: 7px;
    border-radius: 50%;
    background: var(--_muted);
    animation: breathe 1.2s infinite ease-in-out;
  }
  .typing i:nth-of-type(2) {
    animation-delay: 0.15s;
  }
  .typing i:nth-of-type(3) {
    animation-delay: 0.3s;
  }
  .tools {
    display: flex;
    gap: 2px;
    margin: 4px; /* an entry clips what it draws, also the ring of the focus */
  }
  .suggestions {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
    padding-block-start: 2px;
  }
  .ending {
    display: flex;
    flex-direction: column;
    align-items: center;
    gap: 12px;
    margin-block-start: 6px;
    padding-block: 16px 8px;
    border-block-start: 1px solid var(--_line);
    color: var(--_muted);
    font-size: 14px;
    text-align: center;
  }
  .earlier {
    align-self: center;
  }
  .floating {
    position: absolute;
    inset-block-end: 10px;
    inset-inline: 0;
    display: flex;
    justify-content: center;
    gap: 8px;
    pointer-events: none;
  }
  .connection {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: center;
    gap: 0 6px;
    padding: 5px 16px;
    border-block-end: 1px solid var(--_line);
    background: var(--_warm);
    font-size: 13px;
    line-height: 1.4;
    text-align: center;
  }
  .connection.connecting {
    animation: appear 0.2s 1s both;
  }
  .floating button {
    pointer-events: auto;
    min-block-size: 34px;
    padding-inline: 12px;
    border: 1px solid var(--_line);
    border-radius: 17px;
    background: var(--_surface);
    color: var(--_text);
    font-size: 13px;
    box-shadow: 0 2px 10px rgb(0 0 0 / 12%);
  }
  .floating .icon {
    inline-size: 16px;
    block-size: 16px;
  }
  .markdown {
    white-space: normal;
  }
  .markdown > :first-child {
    margin-block-start: 0;
  }
  .markdown > :last-child {
    margin-block-end: 0;
  }
  .markdown :is(p, ul, ol, blockquote, pre, table) {
    margin-block: 0.6em;
    margin-inline: 0;
  }
  .markdown :is(ul, ol) {
    padding-inline-start: 1.4em;
  }
  .markdown li > :is(ul, ol) {
    margin-block: 0.2em;
  }
  .markdown a {
    color: var(--_link);
  }
  .markdown :is(code, pre) {
    font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
    background: color-mix(in srgb, var(--_text) 8%, transparent);
    border-radius: 5px;
  }
  .markdown code {
    padding: 1px 4px;
  }
  .markdown :is(pre, table) {
    max-inline-size: 100%;
    overflow-x: auto;
  }
  .markdown pre {
    padding: 10px 12px;
    border-radius: 9px;
    direction: ltr;
    text-align: left;
  }
  .markdown pre code {
    padding: 0;
    background: none;
    overflow-wrap: normal;
  }
  .markdown table {
    display: block;
    border-collapse: collapse;
    font-size: 14px;
  }
  .markdown :is(th, td) {
    padding: 4px 10px;
    border: 1px solid var(--_line);
    text-align: start;
  }
  .markdown blockquote {
    padding-inline-start: 12px;
    border-inline-start: 3px solid var(--_line);
    color: var(--_muted);
  }
`;

const COMPOSER = css`
  form {
    display: flex;
    align-items: flex-end;
    gap: 8px;
    margin: 0;
    padding: 10px 12px 12px;
    padding-block-end: max(12px, env(safe-area-inset-bottom, 0px));
    border-block-start: 1px solid var(--_line);
  }
  .field {
    flex: 1;
    min-inline-size: 0;
    display: grid;
    border: 1px solid var(--_line);
    border-radius: 20px;
    background: var(--_tint);
  }
  .field:focus-within {
    border-color: var(--_link);
    box-shadow: 0 0 0 1px var(--_link);
  }
  /* The text stands behind its own field once more, and gives it its height. */
  .field::after,
  textarea {
    grid-area: 1 / 1;
    min-inline-size: 0;
    min-block-size: 40px;
    max-block-size: min(140px, 30dvh); /* whoever zooms in sees more than what is typed */
    margin: 0;
    padding: 8px 14px;
    border: 0;
    font: inherit;
    font-size: 16px; /* with less, iOS zooms in */
    line-height: 24px;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .field::after {
    content: attr(data-text) " ";
    visibility: hidden;
    overflow: hidden;
  }
  textarea {
    resize: none;
    overflow-y: auto;
    background: none;
    color: var(--_text);
    outline: 0;
    scrollbar-width: thin;
    unicode-bidi: plaintext;
    text-align: start;
  }
  textarea:focus-visible {
    outline: 0; /* its field is marked */
  }
  textarea::placeholder {
    color: var(--_muted);
    opacity: 1;
  }
  .field:has(:disabled) {
    opacity: 0.6;
  }
  .send {
    flex: none;
    inline-size: 42px;
    block-size: 42px;
    border-radius: 50%;
    background: var(--_accent);
    color: var(--_on-accent);
  }
  .send[aria-disabled="true"] {
    background: var(--_tint);
    color: var(--_muted);
    cursor: default;
  }
  .count {
    padding: 0 20px 8px;
    margin-block-start: -6px;
    color: var(--_muted);
    font-size: 12px;
    text-align: end;
  }
  .count.over {
    color: var(--_danger);
  }
`;

const CONDITIONS = css`
  @keyframes rise {
    from {
      opacity: 0;
      transform: translateY(12px);
    }
  }
  @keyframes appear {
    from {
      opacity: 0;
    }
  }
  @keyframes blink {
    to {
      opacity: 0;
    }
  }
  @keyframes breathe {
    0%,
    60%,
    100% {
      opacity: 0.35;
    }
    30% {
      opacity: 1;
    }
  }
  @media (hover: hover) {
    .entry:not(:nth-last-child(1 of .entry), :focus-within, :hover) .tools:not(:has([aria-pressed="true"])) {
      opacity: 0;
    }
    .tools {
      transition: opacity 0.15s;
    }
  }
  @media ${unsafeCSS(COVERS)} {
    .launched .panel {
      inset: 0;
      inline-size: 100%;
      block-size: 100dvh;
      border-radius: 0;
      padding: env(safe-area-inset-top, 0px) env(safe-area-inset-right, 0px) 0 env(safe-area-inset-left, 0px);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0s !important;
      animation-iteration-count: 1 !important;
      transition: none !important;
    }
    .open.bubble::after,
    .typing i {
      animation: none;
    }
  }
  @media (forced-colors: active) {
    .bubble,
    .launcher,
    .send,
    .primary,
    .chip,
    .launched .panel {
      border: 1px solid;
    }
    .field:focus-within {
      outline: 2px solid;
    }
    .open.bubble::after,
    .typing i {
      background: CanvasText;
    }
  }
  @media print {
    .launcher,
    .close,
    form,
    .floating,
    .tools,
    .suggestions {
      display: none;
    }
    /* All of it, and on as many pages as it takes. */
    .chat.inline,
    .panel,
    .launched .panel {
      position: static;
      inline-size: auto;
      block-size: auto;
      max-block-size: none;
      overflow: visible;
      box-shadow: none;
      animation: none;
    }
    .stage,
    .log,
    .content {
      display: block;
      overflow: visible;
    }
    .entry {
      content-visibility: visible;
      margin-block-end: 10px;
    }
    .entry .bubble {
      border: 1px solid var(--_line);
      background: none; /* which most browsers don't print */
      color: var(--_text);
    }
  }
`;

export const STYLES = [FRAME, BUTTONS, LOG, COMPOSER, CONDITIONS];
