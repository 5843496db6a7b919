// What depends on whom it is shown to: movement, a pointer, small screens, forced colours, print. It comes last, and wins.
import { css, unsafeCSS } from "lit";

/** Where the panel of a launcher covers the whole page. */
export const COVERS = "(max-width: 480px), (max-height: 440px)";

export const CONDITIONS = css`
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
    :host([mode="inline"]) {
      block-size: auto !important; /* whatever the page has on its screen */
      max-block-size: none !important;
    }
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
