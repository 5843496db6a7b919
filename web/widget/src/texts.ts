// Everything that the widget itself says, in English. A page overrides what it likes, in whatever language.
import type { ClientErrorCode, ErrorCode } from "@verbatim/chat-client";
import type { Failure } from "./thread.js";

/** Those of the service's codes that have a name, of a type that lets in any text. */
type Named<Code> = Code extends string ? (string extends Code ? never : Code) : never;
/** With what the widget itself finds. */
type Code = Named<ErrorCode> | ClientErrorCode | "copy_refused" | "left_over";

const ERRORS = {
  "error.closed": "The chat was closed.",
  "error.conflict": "This message was changed after it was sent. Please send it again.",
  "error.copy_refused": "This browser doesn't let the reply be copied.",
  "error.error": "Something went wrong. Please try again.",
  "error.internal_error": "Something went wrong on our side. Please try again.",
  "error.invalid_request": "This can't be sent as it is.",
  "error.message_required": "Please type a message first.",
  "error.message_too_long": "This message is too long. Please shorten it.",
  "error.method_not_allowed": "The chat isn't set up correctly on this page.",
  "error.not_connected": "There is no connection to the chat.",
  "error.not_found": "The chat isn't set up correctly on this page.",
  "error.origin_not_allowed": "The chat isn't allowed on this website.",
  "error.left_over": "The conversation before this one has ended.",
  "error.lost": "The connection was lost. Please try again.",
  "error.outbox_full": "Too many messages are waiting to be sent. Please wait for the connection.",
  "error.buffer_full": "Too much arrived at once. Please reload the page.",
  "error.rate_limited": "That was a lot at once. It goes on in a moment.",
  "error.reply_failed": "The reply broke off. Please ask again.",
  "error.reply_interrupted": "The reply was interrupted and starts again.",
  "error.reply_not_found": "This reply can't be rated any more.",
  "error.reply_timeout": "The reply takes longer than usual.",
  "error.session_erased": "This conversation was erased.",
  "error.session_expired": "This conversation has expired.",
  "error.session_full": "This conversation is full. Please start a new one.",
  "error.session_not_active": "This conversation has ended.",
  "error.session_not_found": "This conversation isn't there any more.",
  "error.too_large": "This is more than can be sent at once.",
  "error.too_many_sessions": "Too many conversations are open here. Please reload the page.",
  "error.unauthorized": "The chat isn't set up correctly on this page.",
  "error.unavailable": "The chat is busy for a moment. Your message is kept, and is sent as soon as it can be.",
  "error.unreadable": "The chat has answered with something unexpected.",
  "error.visitor_mismatch": "This conversation belongs to somebody else.",
  "error.visitor_not_found": "There is no conversation of yours.",
} satisfies Record<`error.${Code}`, string>;

/** `{name}` and the like stand for what is put in there. */
export const ENGLISH = {
  heading: "Chat",
  "launcher.open": "Open the chat",
  "launcher.close": "Close the chat",
  "launcher.unread": "Open the chat: {count} new",
  "log.label": "Conversation",
  "log.earlier": "Show earlier messages",
  "log.latest": "Go to the latest message",
  "who.visitor": "You said:",
  "who.assistant": "{name} said:",
  "who.nameless": "The assistant said:",
  "composer.label": "Your message",
  "composer.placeholder": "Type a message",
  "composer.ended": "The conversation has ended",
  "composer.send": "Send",
  "composer.stop": "Stop the reply",
  "composer.left": "{count} characters left",
  "composer.over": "{count} characters too many",
  "suggestions.label": "Suggestions",
  "outgoing.sending": "Sending",
  "outgoing.waiting": "Will be sent when the connection is back",
  "outgoing.failed": "Not sent.",
  "outgoing.retry": "Try again",
  "outgoing.retry_anew": "Send in a new conversation",
  "reply.typing": "{name} is typing",
  "reply.nameless_typing": "A reply is coming",
  "reply.stopped": "Stopped",
  "reply.length": "The reply is cut short here",
  "reply.content_filter": "The rest of the reply was withheld",
  "reply.failed": "The reply broke off. Please ask again.",
  "reply.interrupted": "Interrupted. The reply starts again.",
  "reply.copy": "Copy",
  "reply.copied": "Copied",
  "reply.up": "Good reply",
  "reply.down": "Bad reply",
  "notice.idle": "The conversation ends soon if nothing is said.",
  "notice.at": "{time}",
  "connection.connecting": "Connecting",
  "connection.offline": "No connection. Trying again.",
  "connection.failed": "The chat can't be used right now.",
  "connection.retry": "Try again",
  "end.completed": "This conversation is complete.",
  "end.idle_timeout": "This conversation has ended because nothing was said for a while.",
  "end.expired": "This conversation has expired.",
  "end.deleted": "This conversation was ended.",
  "end.anew": "Start a new conversation",
  "problem.dismiss": "Dismiss",
  ...ERRORS,
};

export type Texts = Readonly<Record<keyof typeof ENGLISH, string>>;

/** A catalogue with what a page overrides. */
export function textsWith(overrides: Partial<Texts> | null | undefined): Texts {
  return { ...ENGLISH, ...overrides };
}

/** A text with values in the places of their names. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** What a person is told of a failure: in the catalogue's words or, of a code that is new, in the service's. */
export function failureText(texts: Texts, { code, text }: Failure): string {
  return found(texts, `error.${code}`) ?? (text || texts["error.error"]);
}

/** Why nothing more can be said. */
export function endText(texts: Texts, end: Failure): string {
  return found(texts, `end.${end.code}`) ?? failureText(texts, end);
}

function found(texts: Texts, key: string): string | undefined {
  return Object.hasOwn(texts, key) ? texts[key as keyof Texts] : undefined;
}
