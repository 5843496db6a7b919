// The frames of the socket and the bodies of the HTTP API, as the service itself describes them.
// Made by `python -m tests.support.typescript`: don't edit.

/** The socket is open, or has joined the session that is named. */
export interface Connected {
  type: "connected";
  done: boolean;
  complete: boolean;
  session_id?: string;
  conversation_data?: Readonly<Record<string, string>>;
  metadata: ConnectedInfo;
}

export interface ConnectedInfo {
  status: "connected";
  cursor?: string;
}

/** The next word of a reply to the message `message_id`. */
export interface Chunk {
  type: "chunk";
  done: boolean;
  complete: boolean;
  session_id?: string;
  message_id: string;
  chunk: string;
  metadata: Place;
}

/**
 * `cursor` is the place in the session that a frame has; give it as `after` to go on from there.
 * `replay` says, here and in all frames, that this is sent again, to an auditor.
 */
export interface Place {
  cursor: string;
  replay?: boolean;
}

/** A reply has ended: its whole text, and what the session knows now. */
export interface Complete {
  type: "complete";
  done: boolean;
  complete: boolean;
  session_id?: string;
  message_id: string;
  response_id: string;
  message?: string;
  conversation_data: Readonly<Record<string, string>>;
  needs_info?: boolean;
  suggestions?: readonly string[];
  metadata: CompleteInfo;
}

export interface CompleteInfo {
  cursor: string;
  finish_reason: "content_filter" | "length" | "stop" | "stopped";
  replay?: boolean;
}

/** Nothing has been said for a while: the session will end soon. */
export interface IdleWarning {
  type: "idle_warning";
  done: boolean;
  complete: boolean;
  session_id?: string;
  message: string;
  response_id: string;
  metadata: IdleWarningInfo;
}

export interface IdleWarningInfo {
  type: "idle_warning";
  timeout_seconds: number;
  cursor: string;
  replay?: boolean;
}

/** The session has ended without a reply that said so. Messages that still wait for theirs get none. */
export interface SessionEnd {
  type: "session_end";
  done: boolean;
  complete: boolean;
  session_id?: string;
  response_id?: string;
  message?: string;
  conversation_data: Readonly<Record<string, string>>;
  metadata: SessionEndInfo;
}

export interface SessionEndInfo {
  type: "session_end";
  reason: "completed" | "deleted" | "expired" | "idle_timeout";
  cursor: string;
  timeout_seconds?: number;
  replay?: boolean;
}

/**
 * Something didn't work: `error` is for people, `metadata.code` for programs. Where a message was
 * refused, `metadata.client_message_id` says which.
 */
export interface ErrorFrame {
  type: "error";
  done: boolean;
  complete: boolean;
  session_id?: string;
  message_id?: string;
  response_id?: string;
  error: string;
  metadata: ErrorInfo;
}

export interface ErrorInfo {
  error_type: "processing_error" | "validation_error";
  code: string;
  cursor?: string;
  client_message_id?: string;
  replay?: boolean;
}

/** The answer to `ping`. */
export interface Pong {
  type: "pong";
  done: boolean;
  complete: boolean;
  session_id?: string;
}

/** A visitor's message, as recorded. Only with the subprotocol `verbatim.v1`. */
export interface MessageFrame {
  type: "message";
  done: boolean;
  complete: boolean;
  session_id?: string;
  message_id: string;
  message: string;
  metadata: MessageInfo;
}

export interface MessageInfo {
  cursor: string;
  client_message_id?: string;
  replay?: boolean;
}

/**
 * The message with this `client_message_id` is on the record, once, however often it is sent.
 *
 * Only with the subprotocol `verbatim.v1`, and only for whoever sent it.
 */
export interface Accepted {
  type: "accepted";
  done: boolean;
  complete: boolean;
  session_id?: string;
  message_id: string;
  metadata: AcceptedInfo;
}

export interface AcceptedInfo {
  cursor: string;
  client_message_id: string;
}

/** A visitor's message. `client_message_id` makes it safe to send again. */
export interface ChatMessage {
  type: "chat_message";
  session_id: string;
  visitor_id: string;
  message: string;
  client_message_id?: string | null;
}

/** Follow a session: from `after` on, or else from the start of the reply in progress. */
export interface Join {
  type: "join";
  session_id: string;
  visitor_id: string;
  after?: string | null;
}

/** Stop the reply in progress. */
export interface Stop {
  type: "stop";
  session_id: string;
  visitor_id: string;
}

/** Say what you think of a reply that has ended. */
export interface Feedback {
  type: "feedback";
  session_id: string;
  visitor_id: string;
  response_id: string;
  rating: "down" | "up";
  comment?: string;
}

/** Answered by `pong`; so is the bare text `ping`. */
export interface Ping {
  type: "ping";
}

/** `metadata` is the website's own, up to 32 texts, and kept sealed like everything personal. */
export interface NewSession {
  visitor_id?: string | null;
  metadata?: Readonly<Record<string, string>>;
}

/** A session as its visitor sees it. `cursor` is its latest place, `ws_url` where to chat. */
export interface SessionView {
  session_id: string;
  visitor_id: string;
  status: "active" | "completed" | "deleted" | "expired" | "idle_timeout";
  created_at: string;
  expires_at: string;
  conversation_data: Readonly<Record<string, string>>;
  cursor: string;
  ws_url: string;
}

/** RFC 9457 problem details. `code` is the same as in error frames, and stable. */
export interface Problem {
  type?: string;
  status: number;
  title: string;
  detail: string;
  code: string;
}

/** What the service sends. */
export type ServerFrame = Connected | Chunk | Complete | IdleWarning | SessionEnd | ErrorFrame | Pong | MessageFrame | Accepted;

/** What has a place in the session's log. */
export type PlacedFrame = Chunk | Complete | IdleWarning | SessionEnd | ErrorFrame | MessageFrame;

/** What the service takes. */
export type ClientFrame = ChatMessage | Join | Stop | Feedback | Ping;

/** The subprotocol that asks for `message` and `accepted`, too. */
export const SUBPROTOCOL = "verbatim.v1";

/** What `metadata.code` of an error, and `code` of a problem, may be. More may come. */
export type ErrorCode = "conflict" | "error" | "internal_error" | "invalid_request" | "message_required" | "message_too_long" | "method_not_allowed" | "not_found" | "origin_not_allowed" | "rate_limited" | "reply_failed" | "reply_interrupted" | "reply_not_found" | "reply_timeout" | "session_erased" | "session_expired" | "session_full" | "session_not_active" | "session_not_found" | "too_large" | "too_many_sessions" | "unauthorized" | "unavailable" | "visitor_mismatch" | "visitor_not_found" | (string & {});

/** What the service accepts, unless its settings say otherwise. Characters are code points. */
export const LIMITS = {"messageChars": 4000, "messagesPerMinute": 30};
