// A text that the service would refuse is refused here, in its own words, before anything is sent or kept.
import { ChatError } from "./errors.js";

/** What the service takes for white space, which isn't quite what `trim` does. */
const SPACE_ONLY = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/; // eslint-disable-line no-control-regex

/** A text that can be sent: half of a character that takes two can't, and is recorded, as well as shown, as unknown. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** A message that the service takes. Throws ChatError, also for what is no text: pages without types may give anything. */
export function validMessage(message: unknown, mostChars: number): string {
  const text = typeof message === "string" ? wellFormed(message) : "";
  if (SPACE_ONLY.test(text)) throw new ChatError("message is required", "message_required");
  const chars = [...text].length;
  if (chars > mostChars) {
    const told = `message is too long: ${chars} characters, at most ${mostChars} are accepted`;
    throw new ChatError(told, "message_too_long");
  }
  return text;
}
