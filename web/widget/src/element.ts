// `<verbatim-chat>`: what a page sees of the widget. It holds what belongs to this one place on the screen (open or not, what
// is being typed, where the focus and the scroll are); the conversation is in `conversation.ts`.
import type { ChatWebSocket, ServerFrame, StateChange } from "@verbatim/chat-client";
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { Conversation, type ConversationListener } from "./conversation.js";
import { charsLeft, isNearLimit, isSendKey } from "./drafts.js";
import { DOWN, SEND, STOP } from "./icons.js";
import type * as Markdown from "./markdown.js";
import { holding, ScrollKeeper } from "./scroll.js";
import { NOBODY, Service } from "./service.js";
import { STYLES } from "./styles.js";
import { fill, textsWith, type Texts } from "./texts.js";
import { isAwaited, openReply } from "./thread.js";
import { conversation } from "./views/entries.js";
import { alarm, connection, header, launcher } from "./views/frame.js";
import type { Actions, Scene } from "./views/scene.js";

/** How many of the latest entries are shown, and how many more at a time. */
const SHOWN = 200;
const COPIED_MS = 2_000;

export class VerbatimChat extends LitElement {
  static override readonly styles = STYLES;
  static override readonly properties = {
    mode: { type: String },
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

  #conversation: Conversation | undefined;
  #persona = NOBODY;
  #isIntroduced = false;
  #rendered: ((text: string) => Node[]) | undefined;
  #draft = "";
  #copied: string | undefined;
  #unread = 0;
  #news: string | undefined;
  #from = 0;
  #focused: Element | null | undefined;
  readonly #keeper = new ScrollKeeper();
  readonly #resizes = new ResizeObserver(() => this.#keeper.settle(this.#log));
  readonly #listener: ConversationListener = {
    changed: () => this.#changed(),
    framed: (frame, isPast) => this.#framed(frame, isPast),
    stateChanged: (change: StateChange) => this.#tell("state", change),
    joined: (session_id) => this.#tell("session", { session_id }),
  };
  readonly #actions: Actions = {
    suggest: (text) => this.send(text),
    retry: (key) => this.#talk.retry(key),
    rate: (key, rating) => void this.#talk.rate(key, rating),
    copy: (key, text) => void this.#copy(key, text),
    showEarlier: () => void this.#showEarlier(),
    startAgain: () => this.startAgain(),
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
    this.isOpen = true;
  }

  close(): void {
    this.isOpen = false;
  }

  toggle(): void {
    this.isOpen = !this.isOpen;
  }

  /** Send a message as if it had been typed. */
  send(text: string): void {
    void this.#talk.send(text);
    this.#toEnd();
  }

  /** Leave the conversation. The next one begins with its first message. */
  startAgain(): void {
    this.#talk.startAgain();
  }

  // --- its life

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) void this.#talk.resume();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#conversation?.leave();
  }

  /** Drawn once a frame, however many words come. */
  protected override async scheduleUpdate(): Promise<void> {
    await new Promise(requestAnimationFrame);
    await super.scheduleUpdate();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    this.#focused = this.shadowRoot?.activeElement;
    if (changed.has("service") || changed.has("sessionId") || changed.has("visitorId")) this.#begin();
    if (this.mode === "inline" || this.isOpen || this.#talk.hasSession) void this.#introduce();
    if (this.markdown && !this.#rendered) void this.#loadMarkdown();
    if (this.isOpen) this.#unread = 0;
    const { length } = this.#talk.thread.entries;
    if (this.#keeper.isAtEnd) this.#from = Math.max(0, length - SHOWN);
    this.#from = Math.min(this.#from, length);
  }

  protected override firstUpdated(): void {
    this.#resizes.observe(this.#log);
    this.#resizes.observe(this.#find(".content"));
  }

  protected override updated(changed: PropertyValues<this>): void {
    const isToggled = changed.has("isOpen") && changed.get("isOpen") !== undefined;
    if (isToggled) this.#tell("open", { isOpen: this.isOpen });
    if ((isToggled && this.isOpen) || isLost(this.#focused)) this.#focusHome();
  }

  /** Begin with the session that the attributes name, or the tab's own. */
  #begin(): void {
    if (!this.hasUpdated && this.#conversation) return; // a page has asked for it already
    this.#conversation?.leave();
    this.#conversation = undefined;
    this.#isIntroduced = false;
    if (this.isConnected) void this.#talk.resume();
  }

  get #talk(): Conversation {
    return (this.#conversation ??= this.#converse());
  }

  #converse(): Conversation {
    const given = { session_id: this.sessionId, visitor_id: this.visitorId };
    const isGiven = given.session_id && given.visitor_id;
    return new Conversation(new Service(this.service || VerbatimChat.home), this.#listener, isGiven ? given : undefined);
  }

  async #introduce(): Promise<void> {
    if (this.#isIntroduced) return;
    this.#isIntroduced = true;
    this.#persona = await new Service(this.service || VerbatimChat.home).persona();
    this.requestUpdate();
  }

  async #loadMarkdown(): Promise<void> {
    this.#rendered = (await VerbatimChat.loadMarkdown?.())?.rendered;
    this.requestUpdate();
  }

  // --- what happens

  #changed(): void {
    const { news } = this.#talk.thread;
    if (news && news !== this.#news && this.mode !== "inline" && !this.isOpen) this.#unread += 1;
    this.#news = news;
    this.requestUpdate();
  }

  #framed(frame: ServerFrame, isPast: boolean): void {
    this.#tell("frame", frame);
    if (isPast) return;
    if (frame.type === "message") this.#tell("message", { who: "visitor", text: frame.message, message_id: frame.message_id });
    if (frame.type !== "complete") return;
    const { message: text = "", message_id, response_id } = frame;
    this.#tell("message", { who: "assistant", text, message_id, response_id });
  }

  #tell(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(`verbatim-${name}`, { detail, bubbles: true, composed: true }));
  }

  async #copy(key: string, text: string): Promise<void> {
    await navigator.clipboard.writeText(text);
    this.#copied = key;
    this.requestUpdate();
    setTimeout(() => {
      if (this.#copied === key) this.#copied = undefined;
      this.requestUpdate();
    }, COPIED_MS);
  }

  async #showEarlier(): Promise<void> {
    const top = this.#find(".entry");
    await holding(this.#log, top, () => {
      this.#keeper.stay();
      this.#from = Math.max(0, this.#from - SHOWN);
      this.requestUpdate();
      return this.updateComplete;
    });
    if (this.#from === 0) this.#log.focus({ preventScroll: true });
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

  // --- what is typed

  #typed(event: InputEvent): void {
    this.#draft = (event.target as HTMLTextAreaElement).value;
    this.requestUpdate();
  }

  #pressed(event: KeyboardEvent): void {
    if (!isSendKey(event)) return;
    event.preventDefault();
    this.#submit();
  }

  #submit(event?: Event): void {
    event?.preventDefault();
    const text = this.#draft.trim();
    if (!text || this.#talk.thread.end || charsLeft(text, this.#persona.maxMessageChars) < 0) return;
    this.#draft = "";
    this.send(text);
    if (event) this.#focusHome();
    this.requestUpdate();
  }

  #escaped({ key, isComposing }: KeyboardEvent): void {
    if (key === "Escape" && !isComposing && this.mode !== "inline") this.close();
  }

  // --- where the focus is

  /**
   * Where one goes on: never nowhere. A finger that only reads isn't shown a keyboard, and whoever is typing when the
   * conversation ends meets no button, which the next space would press.
   */
  #focusHome(): void {
    const isTouched = matchMedia("(pointer: coarse)").matches;
    const open = this.#talk.thread.end || isTouched ? ".log" : "textarea";
    this.#find(this.mode === "inline" || this.isOpen ? open : ".launcher").focus({ preventScroll: true });
  }

  #find(selector: string): HTMLElement {
    return this.shadowRoot?.querySelector<HTMLElement>(selector) ?? this;
  }

  get #log(): HTMLElement {
    return this.#find(".log");
  }

  // --- how it looks

  protected override render(): TemplateResult {
    const scene = this.#scene();
    const isInline = this.mode === "inline";
    const { texts, heading } = scene;
    const toggle = launcher(texts, this.isOpen, this.#unread, () => this.toggle());
    return html`<section class="chat ${isInline ? "inline" : "launched"}" aria-label=${heading}>
      ${isInline ? nothing : toggle}
      <div id="panel" class="panel" part="panel" role=${isInline ? nothing : "dialog"}
        aria-labelledby=${isInline ? nothing : "heading"} ?hidden=${!isInline && !this.isOpen} @keydown=${this.#escaped}>
        ${header(scene, isInline ? undefined : () => this.close())}
        ${this.#stage(scene)} ${alarm(scene, () => this.#talk.dismiss())} ${this.#composer(scene)}
        <div class="spoken news" role="status">${scene.thread.news}</div>
        <div class="spoken" role="status">${this.#copied ? texts["reply.copied"] : ""}</div>
      </div>
    </section>`;
  }

  #stage(scene: Scene): TemplateResult {
    const { texts, thread } = scene;
    const isBusy = isAwaited(thread) || openReply(thread) !== undefined;
    const stop = html`<button type="button" class="stop" part="button stop" @click=${() => this.#talk.stop()}>
      ${STOP}${texts["composer.stop"]}
    </button>`;
    const latest = html`<button type="button" class="latest" part="button latest" aria-label=${texts["log.latest"]}
      title=${texts["log.latest"]} @click=${this.#toEnd}>${DOWN}</button>`;
    return html`<div class="stage">
      <div class="log" part="log" role="log" aria-live="off" aria-busy=${isBusy} aria-label=${texts["log.label"]}
        tabindex="0" @scroll=${this.#scrolled}><div class="content">${conversation(scene)}</div></div>
      <div class="floating top" role="status">
        ${connection(scene.state, this.#talk.failure, texts, () => this.client.connect())}
      </div>
      <div class="floating">${isBusy ? stop : nothing} ${this.#keeper.isAtEnd ? nothing : latest}</div>
    </div>`;
  }

  #composer({ texts, thread, persona }: Scene): TemplateResult {
    const left = charsLeft(this.#draft, persona.maxMessageChars);
    const isNear = isNearLimit(left, persona.maxMessageChars);
    const isSendable = this.#draft.trim() !== "" && left >= 0 && !thread.end;
    return html`<form part="composer" @submit=${this.#submit}>
        <div class="field" part="field" data-text=${this.#draft}>
          <textarea part="input" rows="1" dir="auto" enterkeyhint="send" aria-label=${texts["composer.label"]}
            placeholder=${texts[thread.end ? "composer.ended" : "composer.placeholder"]} ?disabled=${thread.end !== undefined}
            aria-invalid=${left < 0} aria-describedby=${isNear ? "count" : nothing} .value=${live(this.#draft)}
            @input=${this.#typed} @keydown=${this.#pressed}></textarea>
        </div>
        <button type="submit" class="send" part="send" aria-label=${texts["composer.send"]} title=${texts["composer.send"]}
          aria-disabled=${!isSendable}>${SEND}</button>
      </form>
      <div id="count" class="count ${left < 0 ? "over" : ""}" ?hidden=${!isNear}>
        ${fill(texts[left < 0 ? "composer.over" : "composer.left"], { count: Math.abs(left) })}
      </div>`;
  }

  #scene(): Scene {
    const texts = textsWith(this.texts);
    const persona = this.#persona;
    return {
      texts,
      persona,
      heading: this.heading || persona.name || texts.heading,
      lang: this.closest("[lang]")?.getAttribute("lang") ?? "",
      thread: this.#talk.thread,
      state: this.client.state,
      from: this.#from,
      copied: this.#copied,
      markdown: this.markdown ? this.#rendered : undefined,
      actions: this.#actions,
    };
  }
}

/** Whether what had the focus can't have it any more. */
function isLost(focused: Element | null | undefined): boolean {
  return !!focused && (!focused.isConnected || !focused.getClientRects().length || focused.matches(":disabled"));
}
