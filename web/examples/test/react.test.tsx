import { renderToString } from "react-dom/server";
import { afterEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { Chat } from "../react/Chat.js";
import type {} from "../react/widget.js";

afterEach(() => vi.unstubAllGlobals());

it("a chat is drawn on a server, too, with nothing said yet", () => {
  vi.stubGlobal("WebSocket", WebSocket); // which Node has since 22
  expect(renderToString(<Chat url="wss://chat.example/ws/chat/" />)).toContain('aria-label="Your message"');
});

it("the widget's element has types in React, which `npm run typecheck` tests", () => {
  expect(renderToString(<verbatim-chat mode="inline" service="/" />)).toContain('mode="inline"');
  // @ts-expect-error There is no such mode.
  expect(<verbatim-chat mode="sideways" />).toBeDefined();
});
