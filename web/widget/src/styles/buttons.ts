// All that can be pressed, and where the focus is.
import { css } from "lit";

export const BUTTONS = css`
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
