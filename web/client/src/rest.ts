// Starting a session, over HTTP.
import { ChatError } from "./errors.js";
import type { NewSession, SessionView } from "./frames.js";
import { hasTexts } from "./store.js";

/** Start a session. Throws ChatError. */
export async function startSession(url: string, wanted: NewSession, signal?: AbortSignal): Promise<SessionView> {
  const body = JSON.stringify(wanted);
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(url, { method: "POST", body, headers, ...(signal && { signal }) }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new ChatError("The service can't be reached", "not_connected");
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && hasTexts(answer, "session_id", "visitor_id", "cursor")) return answer as unknown as SessionView;
  if (hasTexts(answer, "detail", "code")) throw new ChatError(answer.detail, answer.code);
  throw new ChatError(`The service has answered with ${response.status}`, "unreadable");
}
