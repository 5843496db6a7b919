// The conversation as a person sees it, folded from what happens: (thread, happening) -> thread. It knows no DOM, no clock
// and no client. What a happening doesn't touch stays the same object, so that it isn't drawn again.
import type { Complete, ErrorFrame, MessageFrame, ServerFrame, SessionEnd } from "@verbatim/chat-client";

/** Something that didn't work: `code` finds the words for it, `text` is the service's own where there are none. */
export interface Failure {
  readonly code: string;
  readonly text: string;
}

/** A message of the visitor's that is on the record. */
export interface Said {
  readonly kind: "said";
  readonly key: string;
  readonly messageId: string;
  readonly text: string;
}

/** `open` while it is being spoken. Whatever isn't `whole` is shown with a word about why. */
export type Outcome = "open" | "whole" | "stopped" | "length" | "content_filter" | "failed" | "interrupted";

export interface Reply {
  readonly kind: "reply";
  readonly key: string;
  readonly messageId: string;
  readonly text: string;
  readonly outcome: Outcome;
  /** What a rating is given to, once the reply has ended. */
  readonly responseId?: string;
  readonly rating?: Rating | undefined;
}

export type Rating = "up" | "down";

/** What the assistant says unasked: a warning, or the end. `at` is when it came, if somebody was there. */
export interface Notice {
  readonly kind: "notice";
  readonly key: string;
  readonly about: "idle_warning" | "session_end";
  readonly text: string;
  readonly at?: number;
}

export type Entry = Said | Reply | Notice;

/** A message that isn't on the record yet or, with a failure, won't be. */
export interface Outgoing {
  readonly key: string;
  readonly text: string;
  readonly failure?: Failure;
}

/** Something that was just said, as one object, however often its text is said. */
export interface News {
  readonly text: string;
}

export interface Thread {
  /** What is on the record, in its order. */
  readonly entries: readonly Entry[];
  readonly outgoing: readonly Outgoing[];
  /** What may be said next, by a click. */
  readonly suggestions: readonly string[];
  /** Why nothing more can be said: the reason of a session's end, or the code of an error. */
  readonly end?: Failure;
  /** What has been said since the visitor has said something here, for those who listen and don't look. */
  readonly news: readonly News[];
  /** What has just failed. What `isShown` already, at its place in the thread, needs only be spoken. */
  readonly alarm?: (Failure & { readonly isShown: boolean }) | undefined;
  /** What the visitor doesn't want to be told again, though it may go on for a while. */
  readonly dismissed?: string | undefined;
}

interface Framed {
  readonly type: "frame";
  readonly frame: ServerFrame;
  /** Left out of what was said in the past. */
  readonly at?: number;
  /** What the visitor has thought of the reply that ends here, before a reload. */
  readonly rating?: Rating;
}

export type Happening =
  | Framed
  | { readonly type: "queued"; readonly key: string; readonly text: string }
  | { readonly type: "undelivered"; readonly key: string; readonly failure: Failure }
  | { readonly type: "withdrawn"; readonly key: string }
  | { readonly type: "refused"; readonly failure: Failure }
  | { readonly type: "open" }
  | { readonly type: "rated"; readonly key: string; readonly rating: Rating | undefined }
  | { readonly type: "problem"; readonly failure: Failure }
  | { readonly type: "dismissed" };

export const EMPTY: Thread = { entries: [], outgoing: [], suggestions: [], news: [] };

/** The error of a page that the service lets nobody in from. */
export const BARRED = "origin_not_allowed";
/** Errors after which nothing more can be said in a session. */
const FATAL = ["session_not_found", "session_not_active", "session_expired", "session_erased", "session_full", "visitor_mismatch"];

/** Of what was said for a conversation that had ended, in the next one. */
const TOO_LATE: Failure = { code: "left_over", text: "" };

export function reduce(thread: Thread, happening: Happening): Thread {
  switch (happening.type) {
    case "frame":
      return framed(thread, happening);
    case "queued":
      if (thread.outgoing.some(({ key }) => key === happening.key)) return thread;
      return { ...quiet(thread), outgoing: [...thread.outgoing, { key: happening.key, text: happening.text }], suggestions: [] };
    case "undelivered":
      return undelivered(thread, happening.key, happening.failure);
    case "withdrawn":
      return { ...thread, outgoing: without(thread.outgoing, happening.key) };
    case "refused":
      return isBlank(thread) ? thread : ended(thread, happening.failure);
    case "open":
      return relieved(thread);
    case "rated":
      return rated(thread, happening.key, happening.rating);
    case "problem":
      return isTold(thread, happening.failure) ? thread : { ...thread, alarm: { ...happening.failure, isShown: false } };
    case "dismissed":
      return { ...quiet(thread), dismissed: thread.alarm?.code };
  }
}

/** The reply that is being spoken. */
export function openReply(thread: Thread): Reply | undefined {
  return thread.entries.findLast((entry) => entry.kind === "reply" && entry.outcome === "open") as Reply | undefined;
}

/** Whether something was asked, however long ago, and its reply hasn't begun, or is to begin anew. */
export function isAwaited(thread: Thread): boolean {
  if (thread.end || openReply(thread)) return false;
  const answered = new Set(thread.entries.map((entry) => entry.kind === "reply" && entry.outcome !== "interrupted" && entry.messageId));
  return thread.entries.some((entry) => entry.kind === "said" && !answered.has(entry.messageId));
}

/** What of a thread that has ended is there in the next one: what wasn't sent, and can be sent there. */
export function leftOver({ outgoing }: Thread): Thread {
  return { ...EMPTY, outgoing: outgoing.map(carried) };
}

/** A message that wasn't sent in one conversation, as it is in the next one. */
export function carried(message: Outgoing): Outgoing {
  const isTooLate = !message.failure || FATAL.includes(message.failure.code);
  return isTooLate ? { ...message, failure: TOO_LATE } : message;
}

export function isBlank({ entries, outgoing }: Thread): boolean {
  return !entries.length && !outgoing.length;
}

// --- what the service tells

function framed(thread: Thread, { frame, at, rating }: Framed): Thread {
  switch (frame.type) {
    case "message":
      return said(thread, frame);
    case "chunk":
      return spoken(thread, frame.message_id, (reply) => ({ ...reply, text: reply.text + frame.chunk }));
    case "complete":
      return completed(thread, frame, at, rating);
    case "idle_warning":
      return told(noticed(thread, "idle_warning", frame.message, at), frame.message, at);
    case "session_end":
      return sessionEnded(thread, frame, at);
    case "error":
      return brokenOff(thread, frame, at);
    default:
      return thread; // answers to the client, which are no part of the conversation
  }
}

function said(thread: Thread, { message_id, message, metadata }: MessageFrame): Thread {
  const key = metadata.client_message_id ?? message_id;
  const entry: Said = { kind: "said", key, messageId: message_id, text: message };
  const outgoing = without(thread.outgoing, key);
  // It may be from another tab, or sent long ago: what was said to the visitor before it is still to be heard.
  return { ...quiet(thread), news: thread.news, entries: [...thread.entries, entry], outgoing, suggestions: [] };
}

/** The thread with its open reply to this message changed, or with a new one. */
function spoken(thread: Thread, messageId: string, change: (reply: Reply) => Reply): Thread {
  const open = openReply(thread);
  if (open?.messageId === messageId) return { ...thread, entries: replaced(thread.entries, open, change(open)) };
  // A reply that was interrupted is begun again: the same message may have several.
  const reply: Reply = { kind: "reply", key: `reply ${thread.entries.length}`, messageId, text: "", outcome: "open" };
  return { ...thread, entries: [...thread.entries, change(reply)] };
}

function completed(thread: Thread, frame: Complete, at: number | undefined, rating: Rating | undefined): Thread {
  const { message_id, response_id, suggestions = [], metadata } = frame;
  const outcome = metadata.finish_reason === "stop" ? "whole" : metadata.finish_reason;
  const change = (reply: Reply): Reply => {
    const whole: Reply = { ...reply, text: frame.message ?? reply.text, outcome, responseId: response_id };
    return rating ? { ...whole, rating } : whole;
  };
  const after = told({ ...spoken(thread, message_id, change), suggestions }, frame.message, at);
  return frame.complete ? ended(after, { code: "completed", text: "" }) : after;
}

function sessionEnded(thread: Thread, { message = "", metadata }: SessionEnd, at: number | undefined): Thread {
  const noted = message ? noticed(thread, "session_end", message, at) : thread;
  return told(ended(noted, { code: metadata.reason, text: message }), message, at);
}

function brokenOff(thread: Thread, { message_id, response_id, error, metadata }: ErrorFrame, at: number | undefined): Thread {
  // One without a place in the log answers something that was sent: the client tells of it as of all that doesn't work.
  if (!metadata.cursor || !message_id) return thread;
  const outcome = metadata.code === "reply_interrupted" ? "interrupted" : "failed";
  const broken = spoken(thread, message_id, (reply) => {
    return { ...reply, outcome, ...(response_id && { responseId: response_id }) };
  });
  return at === undefined ? broken : { ...broken, alarm: { code: metadata.code, text: error, isShown: true } };
}

function noticed(thread: Thread, about: Notice["about"], text: string, at: number | undefined): Thread {
  const key = `notice ${thread.entries.length}`;
  const notice: Notice = { kind: "notice", key, about, text, ...(at !== undefined && { at }) };
  return { ...thread, entries: [...thread.entries, notice] };
}

// --- what the client tells

function undelivered(thread: Thread, key: string, failure: Failure): Thread {
  const outgoing = thread.outgoing.map((message) => (message.key === key ? { ...message, failure } : message));
  const failed: Thread = { ...thread, outgoing, alarm: { ...failure, isShown: true } };
  return FATAL.includes(failure.code) ? ended(failed, failure) : failed;
}

function rated(thread: Thread, key: string, rating: Rating | undefined): Thread {
  const entry = thread.entries.find((other) => other.key === key);
  if (entry?.kind !== "reply") return thread;
  return { ...thread, entries: replaced(thread.entries, entry, { ...entry, rating }) };
}

/** Whether this is told at a place of its own, or is to be told no more. The client tells of everything. */
function isTold({ outgoing, end, dismissed }: Thread, { code }: Failure): boolean {
  // That there is no connection is told for as long as it is so, by the state.
  return code === "not_connected" || end?.code === code || dismissed === code || outgoing.some(({ failure }) => failure?.code === code);
}

/** A connection holds: what was wrong before is over, and would be told anew. */
function relieved(thread: Thread): Thread {
  const isTelling = thread.alarm?.isShown === false || thread.dismissed !== undefined;
  return isTelling ? { ...thread, alarm: undefined, dismissed: undefined } : thread;
}

// --- small change

function ended(thread: Thread, end: Failure): Thread {
  return thread.end ? thread : { ...thread, end, suggestions: [] };
}

/** The thread with this to be spoken, unless it is of the past. */
function told(thread: Thread, text: string | undefined, at: number | undefined): Thread {
  return text && at !== undefined ? { ...thread, news: [...thread.news, { text }] } : thread;
}

/** The thread with nothing left to be spoken. */
function quiet(thread: Thread): Thread {
  return { ...thread, news: [], alarm: undefined, dismissed: undefined };
}

function without(outgoing: readonly Outgoing[], key: string): readonly Outgoing[] {
  return outgoing.some((message) => message.key === key) ? outgoing.filter((message) => message.key !== key) : outgoing;
}

function replaced(entries: readonly Entry[], old: Entry, entry: Entry): readonly Entry[] {
  return entries.with(entries.lastIndexOf(old), entry);
}
