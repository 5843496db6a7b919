// What stands around the conversation: the launcher, the header, the state of the connection, what went wrong.
import type { State } from "@verbatim/chat-client";
import { html, nothing, type TemplateResult } from "lit";
import { CHAT, CLOSE } from "../icons.js";
import { failureText, fill, type Texts } from "../texts.js";
import type { Failure } from "../thread.js";
import type { Scene } from "./scene.js";

export function launcher(texts: Texts, isOpen: boolean, unread: number, toggle: () => void): TemplateResult {
  const closed = unread ? fill(texts["launcher.unread"], { count: unread }) : texts["launcher.open"];
  const badge = html`<span class="badge" part="badge" aria-hidden="true">${unread}</span>`;
  return html`<button type="button" class="launcher" part="launcher" aria-expanded=${isOpen} aria-controls="panel"
    aria-label=${isOpen ? texts["launcher.close"] : closed} @click=${toggle}>
    ${isOpen ? CLOSE : CHAT} ${unread && !isOpen ? badge : nothing}
  </button>`;
}

export function header({ persona, heading, texts }: Scene, close: (() => void) | undefined): TemplateResult {
  const initial = [...(persona.name || heading)][0] ?? "";
  const portrait = persona.avatar ? html`<img src=${persona.avatar} alt="" width="36" height="36" />` : initial;
  const closing = html`<button type="button" class="tool close" part="tool close" aria-label=${texts["launcher.close"]}
    title=${texts["launcher.close"]} @click=${close}>${CLOSE}</button>`;
  return html`<header part="header">
    <div class="avatar" part="avatar" aria-hidden="true">${portrait}</div>
    <div class="titles">
      <h2 id="heading" part="heading" dir="auto">${heading}</h2>
      ${persona.role ? html`<p part="role" dir="auto">${persona.role}</p>` : nothing}
    </div>
    ${close ? closing : nothing}
  </header>`;
}

export function connection(state: State, failure: Failure | undefined, texts: Texts, retry: () => void): unknown {
  if (state === "failed") {
    const why = failure ? failureText(texts, failure) : texts["connection.failed"];
    return html`<div class="connection failed" part="connection">${why}
      <button type="button" class="quiet" part="button reconnect" @click=${retry}>${texts["connection.retry"]}</button>
    </div>`;
  }
  if (state !== "offline" && state !== "connecting") return nothing;
  return html`<div class="connection ${state}" part="connection">${texts[`connection.${state}`]}</div>`;
}

/** In a place that is always there: only what changes in one is spoken. */
export function alarm({ thread, texts }: Scene, dismiss: () => void): TemplateResult {
  const text = thread.alarm ? failureText(texts, thread.alarm) : "";
  const isSeen = thread.alarm && !thread.alarm.isShown;
  const dismissing = html`<button type="button" class="tool" part="tool dismiss" aria-label=${texts["problem.dismiss"]}
    title=${texts["problem.dismiss"]} @click=${dismiss}>${CLOSE}</button>`;
  return html`<div class=${isSeen ? "alarm" : "spoken"} part="alarm">
    <div role="alert">${text}</div>${isSeen ? dismissing : nothing}
  </div>`;
}
