// The colours in the light and in the dark, each with the variable by which a page changes it.
import { css } from "lit";

export const LIGHT = css`
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

export const DARK = css`
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
