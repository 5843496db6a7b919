// What the service has on record of one session: its events, fetched as often as there may be more.

/** An event as `GET /api/chats/sessions/{id}/events/` gives it. `personal` names the fields that are sealed. */
export interface RecordedEvent {
  readonly version: number;
  readonly topic: string;
  readonly at: string;
  readonly personal: readonly string[];
  readonly data: Readonly<Record<string, unknown>>;
  readonly cursor: string;
}

interface EventsPage {
  readonly events: readonly RecordedEvent[];
  readonly cursor: string;
  readonly has_more: boolean;
}

export interface Session {
  readonly sessionId: string;
  readonly visitorId: string;
}

const RETRY_MS = 1_000;

/** Reads a session's events in their order, each once. */
export class SessionRecord {
  readonly #session: Session;
  readonly #listener: (events: readonly RecordedEvent[]) => void;
  #cursor = "0.0";
  #isReading = false;
  #mayHaveMore = false;
  #isClosed = false;

  constructor(session: Session, listener: (events: readonly RecordedEvent[]) => void) {
    this.#session = session;
    this.#listener = listener;
  }

  /** There may be more than what has been read. */
  look(): void {
    this.#mayHaveMore = true;
    if (!this.#isReading) void this.#read();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    while (this.#mayHaveMore && !this.#isClosed) {
      this.#mayHaveMore = false;
      try {
        const page = await this.#page();
        if (this.#isClosed) break;
        this.#cursor = page.cursor;
        this.#mayHaveMore ||= page.has_more;
        if (page.events.length) this.#listener(page.events);
      } catch {
        // Out of reach, as the socket is: it is asked again until it answers.
        this.#mayHaveMore = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.#isReading = false;
  }

  async #page(): Promise<EventsPage> {
    const { sessionId, visitorId } = this.#session;
    const url = `/api/chats/sessions/${sessionId}/events/?after=${this.#cursor}&limit=500`;
    const answer = await fetch(url, { headers: { "X-Visitor-Id": visitorId } });
    if (answer.status >= 400 && answer.status < 500) this.close(); // erased, or gone: there is nothing more to read
    if (!answer.ok) throw new Error(`The record can't be read: ${answer.status}`);
    return (await answer.json()) as EventsPage;
  }
}
