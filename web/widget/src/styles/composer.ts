// Where a message is written.
import { css } from "lit";

export const COMPOSER = css`
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
