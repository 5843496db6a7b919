// The whole widget: the launcher, and the panel with all that stands around the conversation.
import { html, nothing, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import { isComposing } from "../drafts.js";
import { goRound } from "../focus.js";
import { CHAT, CLOSE, DOWN, STOP } from "../icons.js";
import { endText, failureText, fill } from "../texts.js";
import { BARRED, isAwaited, openReply } from "../thread.js";
import { composer } from "./composer.js";
import { conversation } from "./conversation.js";
import type { Scene } from "./scene.js";

export function chat(scene: Scene): TemplateResult {
  const { isInline, isOpen, isModal, heading, texts, copied, actions } = scene;
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "Escape" && !isComposing(event) && !isInline) actions.close();
    if (event.key === "Tab" && isModal) goRound(event.currentTarget as HTMLElement, event);
  };
  return html`<section class="chat ${isInline ? "inline" : "launched"}" aria-label=${heading}
    @keydown=${keepTyping} @keypress=${keepTyping} @keyup=${keepTyping}>
    ${isInline ? nothing : launcher(scene)}
    <div id="panel" class="panel" part="panel" role=${isInline ? nothing : "dialog"}
      aria-modal=${isModal || nothing} aria-labelledby=${isInline ? nothing : "heading"} ?hidden=${!isInline && !isOpen} @keydown=${pressed}>
      ${header(scene)} <div class="line" role="status">${connection(scene)}</div> ${stage(scene)} ${alarm(scene)} ${composer(scene)}
      <div class="spoken news" role="status" aria-atomic="false">${news(scene)}</div>
      <div class="spoken" role="status">${copied === undefined ? "" : texts["reply.copied"]}</div>
    </div>
  </section>`;
}

/** From without, what is typed comes from an element that is no field: a page with shortcuts would take it for one of them. */
function keepTyping(event: Event): void {
  if (event.target instanceof HTMLTextAreaElement) event.stopPropagation();
}

/** Not there while the panel is, which has a button of its own to close it. */
function launcher({ texts, isOpen, unread, actions }: Scene): TemplateResult {
  const text = unread ? fill(texts["launcher.unread"], { count: unread }) : texts["launcher.open"];
  const badge = html`<span class="badge" part="badge" aria-hidden="true">${unread}</span>`;
  return html`<button type="button" class="launcher" part="launcher" aria-haspopup="dialog" aria-label=${text}
    ?hidden=${isOpen} @click=${actions.open}>${CHAT} ${unread ? badge : nothing}</button>`;
}

function header({ persona, heading, texts, isInline, actions }: Scene): TemplateResult {
  const initial = [...(persona.name || heading)][0] ?? "";
  const portrait = persona.avatar ? html`<img src=${persona.avatar} alt="" width="38" height="38" />` : initial;
  const close = html`<button type="button" class="tool close" part="tool close" aria-label=${texts["launcher.close"]}
    title=${texts["launcher.close"]} @click=${actions.close}>${CLOSE}</button>`;
  return html`<header part="header">
    <div class="avatar" part="avatar" aria-hidden="true">${portrait}</div>
    <div class="titles">
      <h2 id="heading" part="heading" dir="auto">${heading}</h2>
      ${persona.role ? html`<p part="role" dir="auto">${persona.role}</p>` : nothing}
    </div>
    ${isInline ? nothing : close}
  </header>`;
}

/** The conversation, and what floats over it. */
function stage(scene: Scene): TemplateResult {
  const { texts, thread, isAtEnd, actions } = scene;
  const isBusy = isAwaited(thread) || openReply(thread) !== undefined;
  const stop = html`<button type="button" class="stop" part="button stop" @click=${actions.stop}>
    ${STOP}${texts["composer.stop"]}
  </button>`;
  const latest = html`<button type="button" class="latest" part="button latest" aria-label=${texts["log.latest"]}
    title=${texts["log.latest"]} @click=${actions.toEnd}>${DOWN}</button>`;
  return html`<div class="stage">
    <div class="log" part="log" role="log" aria-live="off" aria-busy=${isBusy} aria-label=${texts["log.label"]}
      tabindex="0" @scroll=${actions.scrolled}><div class="content">${conversation(scene)}</div></div>
    <div class="floating">${isBusy ? stop : nothing} ${isAtEnd ? nothing : latest}</div>
  </div>`;
}

function connection(scene: Scene): TemplateResult | typeof nothing {
  const { thread, state, failure, texts, actions } = scene;
  if (thread.end) return over(scene);
  // What is done in a moment isn't spoken, nor shown before a second has passed.
  if (state === "connecting") {
    return html`<div class="connection connecting" part="connection" aria-hidden="true">${texts["connection.connecting"]}</div>`;
  }
  if (state === "offline") return html`<div class="connection" part="connection">${texts["connection.offline"]}</div>`;
  if (state !== "failed") return nothing;
  const reconnect = html`<button type="button" class="quiet" part="button reconnect" @click=${actions.reconnect}>
    ${texts["connection.retry"]}
  </button>`;
  return html`<div class="connection failed" part="connection">
    ${failure ? failureText(texts, failure) : texts["connection.failed"]}
    ${failure?.code === BARRED ? nothing : reconnect}
  </div>`;
}

/** That it has ended, which is shown at its place, is told here to those who don't look: once, if an alarm tells it as well. */
function over({ thread: { end, alarm }, texts }: Scene): TemplateResult | typeof nothing {
  if (!end || alarm?.code === end.code) return nothing;
  return html`<div class="spoken">${endText(texts, end)}</div>`;
}

/** What has just been said, as it is read out: each in a place of its own, for what is there already isn't read again. */
function news({ thread, markdown }: Scene): unknown {
  const read = (text: string) => guard([text, markdown], () => (markdown ? markdown.plain(text) : text));
  return repeat(thread.news, (each) => each, ({ text }) => html`<p>${read(text)}</p>`);
}

/** In a place that is always there: only what changes in one is spoken. */
function alarm({ thread, texts, actions }: Scene): TemplateResult {
  const text = thread.alarm ? failureText(texts, thread.alarm) : "";
  const isSeen = thread.alarm && !thread.alarm.isShown;
  const dismiss = html`<button type="button" class="tool" part="tool dismiss" aria-label=${texts["problem.dismiss"]}
    title=${texts["problem.dismiss"]} @click=${actions.dismiss}>${CLOSE}</button>`;
  return html`<div class=${isSeen ? "alarm" : "spoken"} part="alarm">
    <div role="alert">${text}</div>
    ${isSeen ? dismiss : nothing}
  </div>`;
}
