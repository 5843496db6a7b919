// What a page says in the widget's attributes. A mistake is told in the console, with what would be right; the widget is there
// all the same, as if nothing had been said.
import { Service } from "./service.js";

export interface SessionIds {
  readonly session_id: string;
  readonly visitor_id: string;
}

/** The service that an element names, or else the one at `home`. */
export function serviceIn(given: string, home: string): Service {
  if (!given) return new Service(home);
  try {
    // `chat.example` would be a path in the page's folder, and `localhost:8000` a scheme.
    if (/^(https?:\/)?\//i.test(given)) return new Service(given);
  } catch {
    // It is no URL.
  }
  complain("service", given, "must be a URL such as https://chat.example, or a path of this page's host such as /chat");
  return new Service(home);
}

/** The session that an element names, if it names one. */
export function sessionIn(session_id: string, visitor_id: string): SessionIds | undefined {
  if (!session_id && !visitor_id) return undefined;
  const names = { "session-id": session_id, "visitor-id": visitor_id };
  const wrong = Object.entries(names).filter(([, value]) => !isUuid(value));
  for (const [name, value] of wrong) complain(name, value, "must be a UUID, as the service has given it with the session");
  return wrong.length ? undefined : { session_id, visitor_id };
}

function isUuid(value: string): boolean {
  return /^[0-9a-f]{32}$/i.test(value.replaceAll("-", ""));
}

function complain(name: string, value: string, right: string): void {
  console.error(`<verbatim-chat ${name}="${value}">: ${name} ${right}`);
}
