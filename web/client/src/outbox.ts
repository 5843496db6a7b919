// Messages that the service hasn't acknowledged. Each has its id from the start and keeps it, whatever happens: the
// service records an id once, so that sending again is always safe. Only `accepted`, or a refusal for good, takes one out.
import type { ChatMessage } from "./frames.js";
import { hasTexts, type Store } from "./store.js";

/** A message, as it is sent. */
export interface OutgoingMessage extends ChatMessage {
  readonly client_message_id: string;
}

interface Kept {
  readonly message: OutgoingMessage;
}

export class Outbox {
  readonly #messages = new Map<string, OutgoingMessage>();

  constructor(private readonly store: Store) {
    for (const { message } of store.all(isKept)) this.add(message);
  }

  /** In their order. */
  get all(): readonly OutgoingMessage[] {
    return [...this.#messages.values()];
  }

  add(message: OutgoingMessage): void {
    this.#messages.set(message.client_message_id, message);
    this.store.put(message.client_message_id, { message });
  }

  /** Take a message out. Whether it was still there. */
  take({ client_message_id }: OutgoingMessage): boolean {
    this.store.remove(client_message_id);
    return this.#messages.delete(client_message_id);
  }

  /** Take out all of a session. */
  takeAllOf(session_id: string): OutgoingMessage[] {
    return this.all.filter((message) => message.session_id === session_id && this.take(message));
  }
}

function isKept(value: unknown): value is Kept {
  const { message } = Object(value) as Partial<Kept>;
  return hasTexts(message, "client_message_id", "session_id", "visitor_id", "message");
}
