// What an event is called, and what of it fits on a line.
import type { RecordedEvent } from "./record.js";

export interface Line {
  readonly title: string;
  readonly detail: string;
  readonly isSealed: boolean;
}

type Data = RecordedEvent["data"];

const LINES: Readonly<Record<string, readonly [title: string, detail: (data: Data) => string]>> = {
  session_started: ["Session started", ({ expires_at }) => `until ${time(expires_at)}`],
  visitor_message_posted: ["You said", (data) => quoted(data["text"])],
  reply_started: ["Reply begun", ({ assistant }) => `by ${text(assistant)}`],
  reply_chunks_recorded: ["Words", ({ parts }) => list(parts).join("").trim()],
  details_collected: ["Details found", ({ keys }) => list(keys).join(", ")],
  suggestions_offered: ["Suggestions", ({ suggestions }) => list(suggestions).join(" · ")],
  reply_completed: ["Reply complete", ({ finish_reason }) => (finish_reason === "stop" ? "" : text(finish_reason))],
  reply_stopped: ["Reply stopped", () => "by you"],
  reply_failed: ["Reply broke off", ({ again }) => (again ? "asked again" : "")],
  idle_warning_issued: ["Idle warning", (data) => quoted(data["text"])],
  session_ended: ["Session ended", ({ reason }) => text(reason).replaceAll("_", " ")],
  feedback_given: ["Rated", ({ rating }) => text(rating)],
  visitor_erased: ["Erased", () => "what was said can't be read any more"],
};

export function lineOf({ topic, data, personal }: RecordedEvent): Line {
  const name = topic.split(".")[0] ?? topic;
  const [title, detail] = LINES[name] ?? [name.replaceAll("_", " "), () => ""];
  return { title, detail: detail(data), isSealed: personal.length > 0 };
}

/** The words that an event put on the record, if it is one that does. */
export function wordsOf({ topic, data }: RecordedEvent): readonly string[] | undefined {
  return topic.startsWith("reply_chunks_recorded.") ? list(data["parts"]) : undefined;
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function quoted(value: unknown): string {
  return `“${text(value)}”`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function time(value: unknown): string {
  return new Date(text(value)).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
