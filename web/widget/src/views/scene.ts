// What the views are given: all that is to be seen, and all that can be done. They keep nothing themselves.
import type { State } from "@verbatim/chat-client";
import type { Persona } from "../service.js";
import type { Texts } from "../texts.js";
import type { Rating, Thread } from "../thread.js";

export interface Scene {
  readonly texts: Texts;
  readonly lang: string;
  readonly heading: string;
  readonly persona: Persona;
  readonly thread: Thread;
  readonly state: State;
  /** The entry from which on the thread is shown. */
  readonly from: number;
  /** The entry that has just been copied. */
  readonly copied: string | undefined;
  /** What draws Markdown, once it is there and if it is wanted. */
  readonly markdown: ((text: string) => Node[]) | undefined;
  readonly actions: Actions;
}

export interface Actions {
  readonly suggest: (text: string) => void;
  readonly retry: (key: string) => void;
  readonly rate: (key: string, rating: Rating) => void;
  readonly copy: (key: string, text: string) => void;
  readonly showEarlier: () => void;
  readonly startAgain: () => void;
}
