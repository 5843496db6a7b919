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
  readonly session_id: string;
  readonly visitor_id: string;
}

const RETRY_MS = 1_000;

/** A reply is recorded in many small events, each of which is told: they are fetched several at once. */
const SPACING_MS = 250;

/** Refusals that will pass, unlike those of a session that is erased or gone. */
const PASSING: readonly number[] = [408, 425, 429];

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
    while (this.#mayHaveMore && !this.#closed()) {
      this.#mayHaveMore = false;
      try {
        const page = await this.#page();
        this.#cursor = page.cursor;
        this.#mayHaveMore ||= page.has_more;
        if (page.events.length && !this.#closed()) this.#listener(page.events);
        if (!page.has_more) await wait(SPACING_MS);
      } catch {
        // Out of reach, as the socket is: it is asked again until it answers.
        this.#mayHaveMore = true;
        await wait(RETRY_MS);
      }
    }
    this.#isReading = false;
  }

  /** Asked again after each wait: it may have happened meanwhile. */
  #closed(): boolean {
    return this.#isClosed;
  }

  async #page(): Promise<EventsPage> {
    const { session_id, visitor_id } = this.#session;
    const url = `/api/chats/sessions/${session_id}/events/?after=${this.#cursor}&limit=500`;
    const answer = await fetch(url, { headers: { "X-Visitor-Id": visitor_id } });
    if (answer.status >= 400 && answer.status < 500 && !PASSING.includes(answer.status)) this.close();
    if (!answer.ok) throw new Error(`The record can't be read: ${answer.status}`);
    return (await answer.json()) as EventsPage;
  }
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
