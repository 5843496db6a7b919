// What holds everything else: the element itself, the launcher, the panel and its header.
import { css } from "lit";
import { DARK, LIGHT } from "./colours.js";

export const FRAME = css`
  :host {
    display: block;
  }
  /* The page's own height for the element wins over this one. */
  :host([mode="inline"]) {
    block-size: var(--verbatim-height, 36rem);
    max-block-size: 100dvh;
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
    block-size: 100%;
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
