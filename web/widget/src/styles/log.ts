// The conversation: entries, notes, suggestions, what has ended or failed.
import { css } from "lit";

export const LOG = css`
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
  /* What is new comes at the end. Were its height a guess, if only for a moment, the end would be lost from sight. */
  .entry:nth-last-child(-n + 10) {
    content-visibility: visible;
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
