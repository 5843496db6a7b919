import { renderToString } from "react-dom/server";
import { expect, it } from "vitest";
import { Chat } from "../react/Chat.js";
import type {} from "../react/widget.js";

it("a chat is drawn on a server, too, with nothing said yet", () => {
  expect(renderToString(<Chat url="wss://chat.example/ws/chat/" />)).toContain('aria-label="Your message"');
});

it("the widget's element has types in React, which `npm run typecheck` tests", () => {
  expect(renderToString(<verbatim-chat mode="inline" service="/" />)).toContain('mode="inline"');
  // @ts-expect-error There is no such mode.
  expect(<verbatim-chat mode="sideways" />).toBeDefined();
});
