// What the views are given: all that is to be seen, and all that can be done. They keep nothing themselves.
import type { State } from "@verbatim/chat-client";
import type * as Markdown from "../markdown.js";
import type { Persona } from "../service.js";
import type { Texts } from "../texts.js";
import type { Failure, Rating, Thread } from "../thread.js";

export interface Scene {
  readonly texts: Texts;
  readonly lang: string;
  readonly heading: string;
  readonly persona: Persona;
  readonly isInline: boolean;
  readonly isOpen: boolean;
  /** Whether it covers the whole page. */
  readonly isModal: boolean;
  /** How many replies have come while it was closed. */
  readonly unread: number;
  readonly state: State;
  /** Why there is no connection, and will be none. */
  readonly failure: Failure | undefined;
  readonly thread: Thread;
  /** The entry from which on the thread is shown. */
  readonly from: number;
  /** Whether its end is looked at. */
  readonly isAtEnd: boolean;
  /** The entry that has just been copied. */
  readonly copied: string | undefined;
  /** What draws Markdown, once it is there and if it is wanted. */
  readonly markdown: typeof Markdown | undefined;
  /** What is being typed. */
  readonly draft: string;
  readonly actions: Actions;
}

export interface Actions {
  readonly open: () => void;
  readonly close: () => void;
  readonly reconnect: () => void;
  readonly dismiss: () => void;
  readonly startAgain: () => void;
  readonly suggest: (text: string) => void;
  readonly retry: (key: string) => void;
  readonly withdraw: (key: string) => void;
  readonly stop: () => void;
  readonly rate: (key: string, rating: Rating) => void;
  /** Not there on a page that came without TLS: browsers don't let it. */
  readonly copy: ((key: string, text: string) => void) | undefined;
  readonly showEarlier: () => void;
  readonly toEnd: () => void;
  readonly scrolled: () => void;
  readonly typed: (text: string) => void;
  readonly submit: () => void;
}
