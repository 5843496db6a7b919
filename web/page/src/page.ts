// The page at `/`: the widget, and beside it the record of its conversation, as it is made.
import "./page.css";
import type { ServerFrame } from "@verbatim/chat-client";
import type {} from "@verbatim/chat-widget";
import { lineOf, wordsOf } from "./lines.js";
import { SessionRecord, type RecordedEvent, type Session } from "./record.js";
import { Tally } from "./tally.js";

/** Older lines are taken away: the transcript has them all. */
const MOST_LINES = 300;

const chat = there(document.querySelector("verbatim-chat"));
const events = element("#events");
const dropButton = there(document.querySelector<HTMLButtonElement>("#drop"));
const transcriptButton = there(document.querySelector<HTMLButtonElement>("#transcript"));
const hint = element("#hint");
const trouble = element("#trouble");
const invitation = hint.textContent;

let record: SessionRecord | undefined;
let followed: Session | undefined;
let tally = new Tally();
let started = 0;
let drops = 0;

chat.addEventListener("verbatim-frame", (event) => take(event.detail));
chat.addEventListener("click", leave);
dropButton.addEventListener("click", drop);
transcriptButton.addEventListener("click", () => void showTranscript());

function take(frame: ServerFrame): void {
  follow(chat.client.sessions.at(-1));
  if (frame.type === "chunk") tally.show({ cursor: frame.metadata.cursor, word: frame.chunk });
  else if (frame.type === "complete") tally.reach(frame.metadata.cursor);
  record?.look();
  showCount();
}

/** Show the record of the session that the widget is in, from its start. */
function follow(session: Session | undefined): void {
  if (!session || session.session_id === followed?.session_id) return;
  begin(session);
  record = new SessionRecord(session, showEvents);
}

/** The widget has no session any more once somebody starts again, and none until the first message. */
function leave(): void {
  const isLeft = !chat.client.sessions.some(({ session_id }) => session_id === followed?.session_id);
  if (followed && isLeft) begin(undefined);
}

function begin(session: Session | undefined): void {
  record?.close();
  record = undefined;
  followed = session;
  tally = new Tally();
  drops = 0;
  hint.textContent = invitation;
  events.replaceChildren();
  dropButton.disabled = transcriptButton.disabled = !session;
  trouble.textContent = "";
  showCount();
}

function drop(): void {
  drops += 1;
  chat.client.reconnect();
  hint.textContent = "Dropped. It comes back with its cursor, and gets exactly the rest.";
  showCount();
}

function showCount(): void {
  const { shown, lost, doubled } = tally.count();
  element("#shown").textContent = String(shown);
  element("#drops").textContent = String(drops);
  for (const [name, faults] of Object.entries({ lost, doubled })) {
    const place = element(`#${name}`);
    place.textContent = String(faults);
    place.classList.toggle("bad", faults > 0);
  }
}

function showEvents(recorded: readonly RecordedEvent[]): void {
  for (const event of recorded) {
    if (event.version === 1) started = Date.parse(event.at);
    const words = wordsOf(event);
    if (words) tally.record(event.version, words);
    events.prepend(row(event));
  }
  while (events.childElementCount > MOST_LINES) events.lastElementChild?.remove();
  showCount();
}

function row(event: RecordedEvent): HTMLLIElement {
  const { title, detail, isSealed } = lineOf(event);
  const line = document.createElement("li");
  line.append(
    part("version", String(event.version)),
    part("title", title),
    part("detail", detail),
    part("time", `+${((Date.parse(event.at) - started) / 1000).toFixed(2)} s`),
  );
  if (isSealed) line.classList.add("sealed");
  return line;
}

function part(name: string, text: string): HTMLSpanElement {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}

/** The transcript asks for the visitor's id in a header, which a link can't send. */
async function showTranscript(): Promise<void> {
  if (!followed) return;
  trouble.textContent = "";
  const tab = window.open("", "_blank"); // at once, or it counts as one that nobody has asked for
  if (!tab) {
    trouble.textContent = "The browser has blocked the transcript's tab.";
    return;
  }
  const page = await transcriptOf(followed).catch(() => undefined);
  // It is never revoked: its tab may be reloaded for as long as this page is there.
  if (page) tab.location.replace(URL.createObjectURL(page));
  else {
    tab.close();
    trouble.textContent = "The transcript can't be read right now. Please try again.";
  }
}

async function transcriptOf({ session_id, visitor_id }: Session): Promise<Blob | undefined> {
  const answer = await fetch(`/api/chats/sessions/${session_id}/transcript/?format=html`, {
    headers: { "X-Visitor-Id": visitor_id },
  });
  return answer.ok ? answer.blob() : undefined;
}

function element(selector: string): HTMLElement {
  return there(document.querySelector<HTMLElement>(selector));
}

/** What the page has, or it isn't this page. */
function there<Found>(found: Found | null): Found {
  if (found === null) throw new Error("The page lacks a part of its own");
  return found;
}
