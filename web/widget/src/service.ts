// The service that the widget belongs to: where it is, and what is asked of it over HTTP. All of it is optional: where there
// is no answer, the chat does without.
import type { SessionView } from "@verbatim/chat-client";

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

/** What the service accepts, unless its settings say otherwise. */
const MAX_MESSAGE_CHARS = 4000;

export const NOBODY: Persona = {
  name: "",
  role: "",
  greeting: "",
  suggestions: [],
  avatar: "",
  maxMessageChars: MAX_MESSAGE_CHARS,
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

  async persona(): Promise<Persona> {
    const answer = await this.#ask("api/chats/persona/");
    return answer ? this.#personaIn(answer) : NOBODY;
  }

  /** How far a session has come, as a cursor. */
  async cursorOf(sessionId: string, visitorId: string): Promise<string | undefined> {
    const path = `api/chats/sessions/${encodeURIComponent(sessionId)}/`;
    const view = (await this.#ask(path, { "X-Visitor-Id": visitorId })) as Partial<SessionView> | undefined;
    return view?.cursor;
  }

  async #ask(path: string, headers: HeadersInit = {}): Promise<object | undefined> {
    try {
      const response = await fetch(this.#base + path, { headers, credentials: "omit" });
      const answer: unknown = response.ok ? await response.json() : undefined;
      return typeof answer === "object" && answer !== null ? answer : undefined;
    } catch {
      return undefined; // the socket will tell whether the service is there
    }
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
      maxMessageChars: typeof most === "number" && most > 0 ? most : MAX_MESSAGE_CHARS,
    };
  }

  /** The URL of a path that the service names, if it is the service's own: nothing is fetched from anybody else. */
  #own(path: string): string {
    const url = new URL(path.replace(/^\//, ""), this.#base);
    return url.origin === new URL(this.#base).origin ? url.href : "";
  }
}
