// What a page may set, and what holds where it sets nothing.
import type { WebSocketClass } from "./connection.js";
import { LIMITS } from "./frames.js";
import { PACE, type Pace } from "./pace.js";
import { tabStorage, type KeyValueStorage } from "./store.js";

/** Times in ms. */
export interface Timing {
  /** Before the second attempt it waits up to this long, and then up to twice as long each time ... */
  readonly retryMs: number;
  /** ... but never longer than this. */
  readonly retryMostMs: number;
  /** How long an attempt may take. */
  readonly connectMs: number;
  /** How long the service may take to start a session. */
  readonly requestMs: number;
  /** A connection that has held for so long was a success: the next attempts are made quickly again. */
  readonly stableMs: number;
  /** When nothing has come for so long, it is asked whether the connection is still there ... */
  readonly quietMs: number;
  /** ... and it is given up when no answer comes within this, ... */
  readonly answerMs: number;
  /** ... or within this, where it is busy with something else that was sent. A message may take it 10 s. */
  readonly busyMs: number;
  /** The same text sent again within this is a double click, and the same message. */
  readonly debounceMs: number;
}

export const TIMING: Timing = {
  retryMs: 1_000,
  retryMostMs: 30_000,
  connectMs: 10_000,
  requestMs: 10_000,
  stableMs: 5_000,
  quietMs: 25_000,
  answerMs: 5_000,
  busyMs: 15_000,
  debounceMs: 500,
};

export interface ChatOptions {
  /**
   * What a page is given that comes to a session after a reload, or for the first time.
   * - `unseen` (if nothing is said): what this tab hasn't been given yet. Of a session that is new to it, what comes from
   *   now on, and the reply in progress from its start.
   * - `all`: the session from its start, visitor's messages as well, for pages that draw a conversation from events alone.
   */
  readonly history?: "unseen" | "all";
  /** Where unacknowledged messages and sessions are kept over a reload: `sessionStorage`, or null for nowhere. */
  readonly storage?: KeyValueStorage | null;
  /** The longest message, in characters (code points): the service's `VERBATIM_MAX_MESSAGE_CHARS`. */
  readonly maxMessageChars?: number;
  /** How many messages may wait to be acknowledged. */
  readonly maxQueued?: number;
  /** How fast messages go out. */
  readonly pace?: Pace;
  readonly timing?: Partial<Timing>;
  /** A `WebSocket` for where there is none, such as that of `ws` in Node before 22. */
  readonly WebSocket?: WebSocketClass;
}

/** Options with nothing left open. */
export type Settings = Required<ChatOptions> & { readonly timing: Timing };

/** Throws TypeError where there is no `WebSocket`. */
export function settingsOf(options: ChatOptions): Settings {
  const { WebSocket = (globalThis as { WebSocket?: WebSocketClass }).WebSocket } = options;
  if (!WebSocket) throw new TypeError("There is no WebSocket: give one, such as that of `ws`, as the option `WebSocket`");
  return {
    history: "unseen",
    storage: tabStorage(),
    maxMessageChars: LIMITS.messageChars,
    maxQueued: 100,
    pace: PACE,
    ...given(options),
    WebSocket,
    timing: { ...TIMING, ...given(options.timing ?? {}) },
  };
}

/** What isn't undefined: pages without types hand on what they were given themselves, or weren't. */
function given<Some extends object>(options: Some): Some {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Some;
}
