// What a page shows of a conversation, made from what the chat client tells. It knows no framework: whoever subscribes is
// told of each change, and what hasn't changed stays the same object.
import { ChatWebSocket, type OutgoingMessage, type ServerFrame, type State } from "@verbatim/chat-client";

export interface Entry {
  readonly id: string;
  readonly who: "visitor" | "assistant" | "notice";
  readonly text: string;
  /** The message that is answered, as long as more words may come. */
  readonly openReplyTo?: string | undefined;
}

export interface View {
  /** What is on the record, in its order. */
  readonly entries: readonly Entry[];
  /** What was said and isn't on the record yet. */
  readonly queued: readonly { readonly id: string; readonly text: string }[];
  readonly suggestions: readonly string[];
  readonly state: State;
  /** What didn't work. */
  readonly problem?: string | undefined;
}

/** Before anything is known of it, as on a server that draws a page. */
export const NOTHING: View = { entries: [], queued: [], suggestions: [], state: "idle" };

type Session = Pick<ChatWebSocket["sessions"][number], "session_id" | "visitor_id">;

export class Conversation {
  readonly #chat: ChatWebSocket;
  readonly #listeners = new Set<() => void>();
  #view = NOTHING;
  #session: Promise<Session> | undefined;
  #count = 0;

  /** `url` is the socket's. The tab's conversation is taken up again, from its start, with what it hadn't sent. */
  constructor(url: string) {
    this.#chat = new ChatWebSocket(url, { history: "all" });
    const known = this.#chat.sessions.at(-1);
    if (known) this.#session = Promise.resolve(known);
    for (const { client_message_id, message } of this.#chat.outbox) this.#queue(client_message_id, message);
    this.#chat.on("frame", (frame) => {
      if (frame.complete) this.#session = undefined; // it is over, and the next message starts another one
      this.#change(framed(this.#view, frame));
    });
    this.#chat.on("state", ({ state }) => this.#change({ state }));
    this.#chat.on("problem", (error) => this.#change({ problem: error.message }));
    this.#chat.on("undelivered", ({ message }) => this.#change(refused(this.#view, message)));
    this.#chat.on("refused", () => (this.#session = undefined));
  }

  readonly view = (): View => this.#view;

  /** Be told of each change. The conversation is connected for as long as anybody is; what is returned stops it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#chat.connect();
    return () => {
      this.#listeners.delete(listener);
      // React's StrictMode takes each component off and puts it back at once. A client that is closed and connected in the
      // same breath opens one socket.
      if (!this.#listeners.size) this.#chat.close();
    };
  };

  /** Say something: the first message starts the session. Whether it was taken, to be sent as soon as that is possible. */
  readonly say = async (text: string): Promise<boolean> => {
    const waiting = { id: `waiting ${++this.#count}`, text };
    this.#change({ queued: [...this.#view.queued, waiting], problem: undefined });
    if (this.#chat.state === "failed") this.#chat.connect(); // by itself, it tries no more
    try {
      const { session_id, visitor_id } = await (this.#session ??= this.#chat.createSession());
      const id = this.#chat.sendMessage(text, session_id, visitor_id);
      if (id) this.#queue(id, text);
      return id !== null;
    } catch (error) {
      this.#session = undefined; // the next one tries again
      this.#change({ problem: error instanceof Error ? error.message : String(error) });
      return false;
    } finally {
      this.#change({ queued: this.#view.queued.filter((other) => other !== waiting) });
    }
  };

  #queue(id: string, text: string): void {
    // A double click is the same message, which may be on the record already.
    if ([...this.#view.queued, ...this.#view.entries].some((other) => other.id === id)) return;
    this.#change({ queued: [...this.#view.queued, { id, text }], suggestions: [], problem: undefined });
  }

  #change(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener();
  }
}

/** What a frame changes. */
function framed(view: View, frame: ServerFrame): Partial<View> {
  switch (frame.type) {
    case "message": {
      const id = frame.metadata.client_message_id ?? frame.message_id;
      return { ...settled(view, { id, who: "visitor", text: frame.message }), suggestions: [], problem: undefined };
    }
    case "chunk":
      return { entries: spoken(view.entries, frame.message_id, (reply) => ({ ...reply, text: reply.text + frame.chunk })) };
    case "complete": {
      const end = (reply: Entry): Entry => ({ ...reply, text: frame.message ?? reply.text, openReplyTo: undefined });
      return { entries: spoken(view.entries, frame.message_id, end), suggestions: frame.suggestions ?? [] };
    }
    case "idle_warning":
    case "session_end": {
      const notice = { id: frame.metadata.cursor, who: "notice", text: frame.message ?? "This conversation has ended" } as const;
      return { entries: [...view.entries, notice], suggestions: [] };
    }
    case "error": {
      // One with a place in the log tells that a reply has broken off. It may begin anew, as another one.
      const { message_id, metadata } = frame;
      if (!metadata.cursor || !message_id) return {};
      return { entries: spoken(view.entries, message_id, (reply) => ({ ...reply, openReplyTo: undefined })) };
    }
    default:
      return {};
  }
}

/** The entries with the open reply to a message changed, or with a new one. */
function spoken(entries: readonly Entry[], messageId: string, change: (reply: Entry) => Entry): readonly Entry[] {
  const index = entries.findLastIndex(({ openReplyTo }) => openReplyTo === messageId);
  const open = entries[index];
  if (open) return entries.with(index, change(open));
  const reply: Entry = { id: `reply ${entries.length}`, who: "assistant", text: "", openReplyTo: messageId };
  return [...entries, change(reply)];
}

/** A message waits no more: it is on the record, or won't be. */
function settled({ entries, queued }: View, entry: Entry): Pick<View, "entries" | "queued"> {
  return { entries: [...entries, entry], queued: queued.filter(({ id }) => id !== entry.id) };
}

function refused(view: View, { client_message_id, message }: OutgoingMessage): Partial<View> {
  return settled(view, { id: client_message_id, who: "notice", text: `Not sent: ${message}` });
}
