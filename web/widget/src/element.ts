// `<verbatim-chat>`: what a page sees of the widget. It holds what belongs to this one place on the screen (open or not, what
// is being typed, where the focus and the scroll are); what is said is in `conversation.ts`, how it looks in `views/`.
import { ChatError, type ChatWebSocket, type ServerFrame, type StateChange } from "@verbatim/chat-client";
import { LitElement, type PropertyValues, type TemplateResult } from "lit";
import { serviceIn, sessionIn } from "./attributes.js";
import { Conversation, type ConversationListener } from "./conversation.js";
import { charsLeft, isSendable } from "./drafts.js";
import type { Details } from "./events.js";
import { isLost, isTouched } from "./focus.js";
import { isFlag, isText, Kept } from "./kept.js";
import type * as Markdown from "./markdown.js";
import { retry } from "./retry.js";
import { holding, ScrollKeeper } from "./scroll.js";
import { NOBODY, type Service } from "./service.js";
import { COVERS, STYLES } from "./styles/index.js";
import { ENGLISH, textsWith, type Texts } from "./texts.js";
import { chat } from "./views/chat.js";
import { BARRED, type Thread } from "./thread.js";
import type { Actions, Scene } from "./views/scene.js";

/** How many of the latest entries are shown, and how many more at a time. */
const SHOWN = 200;
const COPIED_MS = 2_000;

export class VerbatimChat extends LitElement {
  static override readonly styles = STYLES;
  static override readonly properties = {
    mode: { type: String, reflect: true },
    service: { type: String },
    sessionId: { type: String, attribute: "session-id" },
    visitorId: { type: String, attribute: "visitor-id" },
    heading: { type: String },
    theme: { type: String, reflect: true },
    isOpen: { type: Boolean, attribute: "open", reflect: true },
    markdown: { type: Boolean },
    texts: { type: Object },
  };

  /** Where the service is, where an element doesn't say it. The script knows where it came from. */
  static home = "/";
  /** How Markdown is loaded, once it is wanted: a script and a package have it in different places. */
  static loadMarkdown: (() => Promise<typeof Markdown>) | undefined;

  declare mode: "launcher" | "inline";
  declare service: string;
  declare sessionId: string;
  declare visitorId: string;
  declare heading: string;
  declare theme: "auto" | "light" | "dark";
  declare isOpen: boolean;
  declare markdown: boolean;
  declare texts: Partial<Texts> | null;

  /** Looked for once, so that a mistake is told once. */
  #found: Service | undefined;
  #conversation: Conversation | undefined;
  #persona = NOBODY;
  #introduction: AbortController | undefined;
  #texts: Texts = ENGLISH;
  #isMarkdownAsked = false;
  #isMarkdownThere = false;
  #markdown: typeof Markdown | undefined;
  /** Whether somebody has opened or closed it, on this page. */
  #isChosen = false;
  #draft = "";
  #copied: string | undefined;
  #unread = 0;
  #news: Thread["news"] = [];
  #from = 0;
  #focused: Element | null | undefined;
  readonly #keeper = new ScrollKeeper();
  readonly #covers = matchMedia(COVERS);
  readonly #resized = () => this.requestUpdate();
  readonly #resizes = new ResizeObserver(() => this.#keeper.settle(this.#log));
  readonly #listener: ConversationListener = {
    changed: () => this.#changed(),
    framed: (frame, isPast) => this.#framed(frame, isPast),
    stateChanged: (change: StateChange) => this.#stateChanged(change),
    joined: (session_id) => this.#tell("session", { session_id }),
    barred: () => this.#complain(),
  };
  readonly #actions: Actions = {
    open: () => this.open(),
    close: () => this.close(),
    reconnect: () => this.client.connect(),
    dismiss: () => this.#talk.dismiss(),
    startAgain: () => this.startAgain(),
    suggest: (text) => this.send(text),
    retry: (key) => this.#talk.retry(key),
    withdraw: (key) => this.#talk.withdraw(key),
    stop: () => this.#talk.stop(),
    rate: (key, rating) => void this.#talk.rate(key, rating),
    copy: isSecureContext ? (key, text) => void this.#copy(key, text) : undefined,
    showEarlier: () => void this.#showEarlier(),
    toEnd: () => this.#toEnd(),
    scrolled: () => this.#scrolled(),
    typed: (text) => this.#write(text),
    submit: () => this.#submit(),
  };

  constructor() {
    super();
    this.mode = "launcher";
    this.service = this.sessionId = this.visitorId = this.heading = "";
    this.theme = "auto";
    this.isOpen = this.markdown = false;
    this.texts = null;
  }

  // --- what a page may do

  /** The client underneath, for pages that want to listen to it. */
  get client(): ChatWebSocket {
    return this.#talk.client;
  }

  open(): void {
    this.#choose(true);
  }

  close(): void {
    this.#choose(false);
  }

  toggle(): void {
    this.#choose(!this.isOpen);
  }

  /** Send a message as if it had been typed. */
  send(text: string): void {
    if (!text.trim()) return;
    this.#talk.send(text);
    this.#toEnd();
  }

  /** Leave the conversation. The next one begins with its first message. */
  startAgain(): void {
    this.#talk.startAgain();
  }

  // --- its life

  override connectedCallback(): void {
    super.connectedCallback();
    this.#covers.addEventListener("change", this.#resized);
    if (!this.hasUpdated) return;
    this.#talk.resume();
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#covers.removeEventListener("change", this.#resized);
    this.#leave();
  }

  /** Drawn once a frame, however many words come. */
  protected override async scheduleUpdate(): Promise<void> {
    await new Promise(requestAnimationFrame);
    await super.scheduleUpdate();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    this.#focused = this.shadowRoot?.activeElement;
    if (!this.hasUpdated) this.#recall(); // not before: a page may set its service only now
    if (changed.has("service") || changed.has("sessionId") || changed.has("visitorId")) this.#begin();
    if (changed.has("texts")) this.#texts = textsWith(this.texts);
    if (this.isConnected) this.#fetch(); // else it was taken off its page meanwhile
    if (this.isOpen) this.#unread = 0;
    const { length } = this.#talk.thread.entries;
    this.#from = this.#keeper.isAtEnd ? Math.max(0, length - SHOWN) : Math.min(this.#from, length);
  }

  protected override firstUpdated(): void {
    this.#resizes.observe(this.#log);
    this.#resizes.observe(this.#find(".content"));
  }

  protected override updated(changed: PropertyValues<this>): void {
    const isToggled = changed.has("isOpen") && changed.get("isOpen") !== undefined;
    if (isToggled) {
      this.#keptOpen.set(this.isOpen);
      this.#tell("open", { isOpen: this.isOpen });
    }
    if ((isToggled && this.isOpen) || isLost(this.#focused)) this.#focusHome();
  }

  protected override render(): TemplateResult {
    return chat(this.#scene());
  }

  #scene(): Scene {
    return {
      texts: this.#texts,
      lang: this.closest("[lang]")?.getAttribute("lang") ?? "",
      heading: this.heading || this.#persona.name || this.#texts.heading,
      persona: this.#persona,
      isInline: this.mode === "inline",
      isOpen: this.isOpen,
      isModal: this.mode !== "inline" && this.isOpen && this.#covers.matches,
      unread: this.#unread,
      state: this.#talk.state,
      failure: this.#talk.failure,
      thread: this.#talk.thread,
      from: this.#from,
      isAtEnd: this.#keeper.isAtEnd,
      copied: this.#copied,
      markdown: this.markdown ? this.#markdown : undefined,
      draft: this.#draft,
      actions: this.#actions,
    };
  }

  // --- whom it talks to

  get #talk(): Conversation {
    return (this.#conversation ??= this.#converse());
  }

  get #service(): Service {
    return (this.#found ??= serviceIn(this.service, VerbatimChat.home));
  }

  #converse(): Conversation {
    return new Conversation(this.#service, this.#listener, sessionIn(this.sessionId, this.visitorId));
  }

  /** Begin with the session that the attributes name, or the tab's own. */
  #begin(): void {
    if (this.hasUpdated) {
      this.#leave();
      this.#found = this.#conversation = undefined;
    }
    if (this.isConnected) this.#talk.resume();
  }

  #leave(): void {
    this.#conversation?.leave();
    this.#introduction?.abort();
    this.#introduction = undefined;
  }

  #fetch(): void {
    if (this.#isSeen || this.#talk.hasSession) void this.#introduce();
    if (this.markdown) void this.#loadMarkdown();
  }

  async #introduce(): Promise<void> {
    if (this.#introduction) return;
    const { signal } = (this.#introduction = new AbortController());
    try {
      const persona = await retry(() => this.#service.persona(), () => undefined, signal);
      if (signal.aborted) return;
      this.#persona = persona;
      this.requestUpdate();
    } catch (error) {
      // Else there is nobody to be introduced.
      if (error instanceof ChatError && error.code === BARRED && !signal.aborted) this.#talk.bar(error);
    }
  }

  /** Where it can't be loaded, or isn't allowed to draw, which a browser tells by itself, a text stays a text. */
  async #loadMarkdown(): Promise<void> {
    if (this.#isMarkdownAsked) return;
    this.#isMarkdownAsked = true;
    const loaded = await VerbatimChat.loadMarkdown?.().catch(() => undefined);
    this.#isMarkdownThere = loaded !== undefined;
    if (!loaded?.isAllowed()) return;
    this.#markdown = loaded;
    this.requestUpdate();
  }

  // --- what is the same on the next page of a website

  get #keptOpen(): Kept<boolean> {
    return new Kept(this.#service.keyOf("open"), isFlag);
  }

  get #keptDraft(): Kept<string> {
    return new Kept(this.#service.keyOf("draft"), isText);
  }

  #choose(isOpen: boolean): void {
    this.#isChosen = true;
    this.isOpen = isOpen;
  }

  #recall(): void {
    if (this.#isChosen) this.#keptOpen.set(this.isOpen);
    else this.isOpen = this.#keptOpen.get() ?? this.isOpen;
    this.#draft = this.#keptDraft.get() ?? "";
  }

  // --- what happens

  #changed(): void {
    const { news } = this.#talk.thread;
    if (!this.#isSeen) this.#unread += news.filter((each) => !this.#news.includes(each)).length;
    this.#news = news;
    this.requestUpdate();
  }

  #stateChanged(change: StateChange): void {
    if (change.state === "open") this.#isMarkdownAsked = this.#isMarkdownThere; // what couldn't be loaded may be now
    this.#tell("state", change);
  }

  #complain(): void {
    const isServed = location.protocol.startsWith("http");
    const right = isServed ? "name it in the service's VERBATIM_ALLOWED_ORIGINS" : "open it over HTTP, a file has no origin to be named";
    console.error(`<verbatim-chat>: pages of ${location.origin} may not use ${this.#service.socket}: ${right}`);
  }

  #framed(frame: ServerFrame, isPast: boolean): void {
    this.#tell("frame", frame);
    if (isPast) return;
    if (frame.type === "message") this.#tell("message", { who: "visitor", text: frame.message, message_id: frame.message_id });
    if (frame.type !== "complete") return;
    const { message: text = "", message_id, response_id } = frame;
    this.#tell("message", { who: "assistant", text, message_id, response_id });
  }

  #tell<Name extends keyof Details>(name: Name, detail: Details[Name]): void {
    this.dispatchEvent(new CustomEvent(`verbatim-${name}`, { detail, bubbles: true, composed: true }));
  }

  async #copy(key: string, text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.#mark(key);
      setTimeout(() => {
        if (this.#copied === key) this.#mark(undefined);
      }, COPIED_MS);
    } catch {
      this.#talk.complain({ code: "copy_refused", text: "" }); // by the page's policy, or by the visitor
    }
  }

  #mark(copied: string | undefined): void {
    this.#copied = copied;
    this.requestUpdate();
  }

  // --- what is typed

  #write(text: string): void {
    this.#draft = text;
    this.#keptDraft.set(text || undefined);
    this.requestUpdate();
  }

  #submit(): void {
    const most = this.#persona.maxMessageChars;
    if (charsLeft(this.#draft, most) < 0) this.#talk.complain({ code: "message_too_long", text: "" });
    if (this.#talk.thread.end || !isSendable(this.#draft, most)) return;
    this.send(this.#draft.trim());
    this.#write("");
    if (!isTouched()) this.#focusHome();
  }

  // --- where one looks

  get #isSeen(): boolean {
    return this.mode === "inline" || this.isOpen;
  }

  /** Whoever is typing when the conversation ends meets no button, which the next space would press. */
  #focusHome(): void {
    const open = this.#talk.thread.end || isTouched() ? ".log" : "textarea";
    this.#find(this.#isSeen ? open : ".launcher").focus({ preventScroll: true });
  }

  #toEnd(): void {
    this.#keeper.toEnd(this.#log);
    this.requestUpdate();
  }

  #scrolled(): void {
    const was = this.#keeper.isAtEnd;
    this.#keeper.scrolled(this.#log);
    if (this.#keeper.isAtEnd !== was) this.requestUpdate();
  }

  async #showEarlier(): Promise<void> {
    await holding(this.#log, this.#find(".entry"), () => {
      this.#keeper.stay();
      this.#from = Math.max(0, this.#from - SHOWN);
      this.requestUpdate();
      return this.updateComplete;
    });
    if (this.#from === 0) this.#log.focus({ preventScroll: true });
  }

  get #log(): HTMLElement {
    return this.#find(".log");
  }

  #find(selector: string): HTMLElement {
    return this.shadowRoot?.querySelector<HTMLElement>(selector) ?? this;
  }
}
