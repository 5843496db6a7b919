// The service that the widget belongs to: where it is, and what is asked of it over HTTP. All of it is optional: where there
// is no answer, the chat does without.
import { ChatError, LIMITS, type SessionView } from "@verbatim/chat-client";

/** Who answers, as the service introduces them. */
export interface Persona {
  readonly name: string;
  readonly role: string;
  readonly greeting: string;
  readonly suggestions: readonly string[];
  /** A URL of the service's own, or nothing. */
  readonly avatar: string;
  readonly maxMessageChars: number;
}

/** How long an answer may take. */
const PATIENCE_MS = 5_000;

export const NOBODY: Persona = {
  name: "",
  role: "",
  greeting: "",
  suggestions: [],
  avatar: "",
  maxMessageChars: LIMITS.messageChars,
};

export class Service {
  /** With a slash at its end. */
  readonly #base: string;

  /** `base` is where the service's paths begin, such as `https://chat.example`. Throws TypeError for what is no URL. */
  constructor(base: string, page = document.baseURI) {
    const url = new URL(base, page);
    this.#base = url.origin + url.pathname.replace(/\/*$/, "/");
  }

  get socket(): string {
    return `${this.#base.replace(/^http/, "ws")}ws/chat/`;
  }

  /** Under which something about this service is kept in the tab's storage, beside what the client keeps there. */
  keyOf(name: string): string {
    return `verbatim-chat ${this.socket} widget ${name}`;
  }

  /** Whom visitors talk to. Throws ChatError where the service doesn't answer, or doesn't say. */
  async persona(): Promise<Persona> {
    return this.#personaIn(await this.#ask("api/chats/persona/"));
  }

  /** How far a session has come, as a cursor. Nothing where there is no answer: joining it will tell why. */
  async cursorOf(sessionId: string, visitorId: string): Promise<string | undefined> {
    const path = `api/chats/sessions/${encodeURIComponent(sessionId)}/`;
    const view: Partial<SessionView> = await this.#ask(path, { "X-Visitor-Id": visitorId }).catch(() => ({}));
    return view.cursor;
  }

  async #ask(path: string, headers: HeadersInit = {}): Promise<object> {
    const request = { headers, credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS) } as const;
    const response = await fetch(this.#base + path, request).catch(() => {
      throw new ChatError("The service can't be reached", "not_connected");
    });
    const answer: unknown = await response.json().catch(() => undefined);
    const known = typeof answer === "object" && answer !== null ? answer : undefined;
    if (response.ok && known) return known;
    const { code, detail } = (known ?? {}) as { code?: string; detail?: string };
    throw new ChatError(detail ?? `The service has answered with ${response.status}`, code ?? codeOf(response.status));
  }

  #personaIn(answer: object): Persona {
    const { name, role, greeting, suggestions, avatar, max_message_chars: most } = answer as Record<string, unknown>;
    const text = (value: unknown) => (typeof value === "string" ? value : "");
    return {
      name: text(name),
      role: text(role),
      greeting: text(greeting),
      suggestions: Array.isArray(suggestions) ? suggestions.filter((each) => typeof each === "string") : [],
      avatar: text(avatar) && this.#own(text(avatar)),
      maxMessageChars: typeof most === "number" && most > 0 ? most : LIMITS.messageChars,
    };
  }

  /** The URL of a path that the service names, if it is the service's own: nothing is fetched from anybody else. */
  #own(path: string): string {
    const url = new URL(path.replace(/^\//, ""), this.#base);
    return url.origin === new URL(this.#base).origin ? url.href : "";
  }
}

/** What went wrong, where whoever answers isn't the service, but something before it. */
function codeOf(status: number): string {
  return status >= 500 ? "unavailable" : "unreadable";
}
