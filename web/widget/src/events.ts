// What a page can listen to, as its compiler sees it: the events of `<verbatim-chat>`, which bubble up to the document.
import type { ServerFrame, StateChange } from "@verbatim/chat-client";

/** Something that was said, to its end. */
export interface Spoken {
  readonly who: "visitor" | "assistant";
  readonly text: string;
  readonly message_id: string;
  /** Of the assistant's. */
  readonly response_id?: string;
}

/** The `detail` of each event, by what stands after `verbatim-` in its name. */
export interface Details {
  readonly open: { readonly isOpen: boolean };
  readonly session: { readonly session_id: string };
  readonly message: Spoken;
  readonly state: StateChange;
  readonly frame: ServerFrame;
}

declare global {
  // Of elements, the document and the window.
  interface GlobalEventHandlersEventMap {
    "verbatim-open": CustomEvent<Details["open"]>;
    "verbatim-session": CustomEvent<Details["session"]>;
    "verbatim-message": CustomEvent<Details["message"]>;
    "verbatim-state": CustomEvent<Details["state"]>;
    "verbatim-frame": CustomEvent<Details["frame"]>;
  }
}
