// Frames as the service sends them, for tests that fold them.
import type { ServerFrame } from "@verbatim/chat-client";

const SESSION = "550e8400-e29b-41d4-a716-446655440000";
const base = { done: false, complete: false, session_id: SESSION };
let version = 0;
const place = (): { cursor: string } => ({ cursor: `${++version}.0` });

export function message(text: string, id = "m1", client_message_id?: string): ServerFrame {
  const metadata = { ...place(), ...(client_message_id && { client_message_id }) };
  return { ...base, type: "message", message_id: id, message: text, metadata };
}

export function chunk(text: string, message_id = "m1"): ServerFrame {
  return { ...base, type: "chunk", message_id, chunk: text, metadata: place() };
}

export function complete(text: string, more: object = {}, message_id = "m1"): ServerFrame {
  const metadata = { ...place(), finish_reason: "stop" as const };
  const frame = { ...base, type: "complete" as const, done: true, message_id, response_id: `r-${message_id}`, metadata };
  return { ...frame, message: text, conversation_data: {}, ...more };
}

export function stopped(text: string, message_id = "m1"): ServerFrame {
  return complete(text, { metadata: { ...place(), finish_reason: "stopped" } }, message_id);
}

export function brokenOff(code: string, message_id = "m1"): ServerFrame {
  const metadata = { ...place(), error_type: "processing_error" as const, code };
  return { ...base, type: "error", done: true, message_id, response_id: `r-${message_id}`, error: "It broke off", metadata };
}

export function refusal(code: string): ServerFrame {
  return { ...base, type: "error", error: "Not like that", metadata: { error_type: "processing_error", code } };
}

export function idleWarning(text: string): ServerFrame {
  const metadata = { ...place(), type: "idle_warning" as const, timeout_seconds: 120 };
  return { ...base, type: "idle_warning", message: text, response_id: "w1", metadata };
}

export function sessionEnd(reason: "idle_timeout" | "expired" | "deleted", text?: string): ServerFrame {
  const metadata = { ...place(), type: "session_end" as const, reason };
  return { ...base, type: "session_end", complete: true, conversation_data: {}, metadata, ...(text && { message: text }) };
}
