// Starting a session, over HTTP.
import { ChatError } from "./errors.js";
import type { NewSession, SessionView } from "./frames.js";
import { hasTexts, parsed } from "./store.js";

/** Start a session. Throws ChatError, or what the signal is aborted with. */
export async function startSession(url: string, wanted: NewSession, mostMs: number, signal?: AbortSignal): Promise<SessionView> {
  const { ok, status, body } = await post(url, JSON.stringify(wanted), mostMs, signal);
  const answer = parsed(body);
  if (ok && hasTexts(answer, "session_id", "visitor_id", "cursor")) return answer as unknown as SessionView;
  if (hasTexts(answer, "detail", "code")) throw new ChatError(answer.detail, answer.code);
  throw new ChatError(`The service has answered with ${status}`, codeOf(status));
}

/** What went wrong, where whoever answers isn't the service, but a proxy before it: while it starts anew, say. */
function codeOf(status: number): "rate_limited" | "unavailable" | "unreadable" {
  if (status === 429) return "rate_limited";
  return status >= 500 ? "unavailable" : "unreadable";
}

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: string;
}

async function post(url: string, body: string, mostMs: number, signal?: AbortSignal): Promise<Answer> {
  // Not `AbortSignal.any`, which came later than all else that is used here.
  const abort = new AbortController();
  const cancel = () => abort.abort();
  const timer = setTimeout(cancel, mostMs);
  signal?.addEventListener("abort", cancel);
  if (signal?.aborted) cancel();
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(url, { method: "POST", body, headers, signal: abort.signal });
    return { ok: response.ok, status: response.status, body: await response.text() };
  } catch {
    signal?.throwIfAborted();
    const why = abort.signal.aborted ? `gave no answer within ${mostMs} ms` : "can't be reached";
    throw new ChatError(`The service ${why}`, "not_connected");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}
