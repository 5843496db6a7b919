// Ids: the service's are checked, those of messages are made.
import { ChatError } from "./errors.js";

/** A UUID as frames carry it. Throws ChatError, also for what is no text: pages without types may give anything. */
export function validId(name: string, value: unknown): string {
  const digits = typeof value === "string" ? value.toLowerCase().replaceAll("-", "") : "";
  if (!/^[0-9a-f]{32}$/.test(digits)) throw new ChatError(`${name} must be a UUID`, "invalid_request");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** A `client_message_id`. */
export function newId(): string {
  // `randomUUID` is only there on pages that came over TLS, or from this machine.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
