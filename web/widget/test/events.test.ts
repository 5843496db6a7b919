// What a page's compiler knows of the element. It is `npm run typecheck` that tests it.
import type { ServerFrame, State } from "@verbatim/chat-client";
import { expectTypeOf, test } from "vitest";
import type { Spoken } from "../src/events.js";

test("an event has its details, at the element and at the document", () => {
  const listen = (chat: HTMLElement, document: Document) => {
    chat.addEventListener("verbatim-open", (event) => expectTypeOf(event.detail.isOpen).toEqualTypeOf<boolean>());
    chat.addEventListener("verbatim-message", (event) => expectTypeOf(event.detail).toEqualTypeOf<Spoken>());
    document.addEventListener("verbatim-state", (event) => expectTypeOf(event.detail.state).toEqualTypeOf<State>());
    document.addEventListener("verbatim-frame", (event) => expectTypeOf(event.detail).toEqualTypeOf<ServerFrame>());
  };
  expectTypeOf(listen).toBeFunction();
});
