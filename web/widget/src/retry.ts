// Doing something until it is done. The client does so for a session that there is; this is for what comes before.
import { ChatError } from "@verbatim/chat-client";

const FIRST_MS = 1_000;
const MOST_MS = 30_000;

/** Try, and where it fails for now try again: after a while, each time a longer one, or in a moment that is worth it. */
export async function retry<Done>(
  attempt: () => Promise<Done>,
  failed: (error: ChatError) => void,
  signal: AbortSignal,
): Promise<Done> {
  for (let most = FIRST_MS; ; most = Math.min(MOST_MS, most * 2)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ChatError && error.isPassing)) throw error;
      signal.throwIfAborted();
      failed(error);
    }
    await pause(Math.random() * most, signal);
  }
}

/** Over early when the network is back, or somebody looks. Rejects when it is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (then: () => void) => () => {
      over.abort();
      clearTimeout(timer);
      then();
    };
    const looked = () => {
      if (document.visibilityState === "visible") end(resolve)();
    };
    const timer = setTimeout(end(resolve), ms);
    const until = { signal: over.signal };
    addEventListener("online", end(resolve), until);
    addEventListener("visibilitychange", looked, until); // it bubbles up from the document
    signal.addEventListener("abort", end(() => reject(signal.reason as Error)), until);
  });
}
