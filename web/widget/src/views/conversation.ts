// The conversation: what was said by whom, what waits, and what may be said next.
import { html, nothing, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import { CHECK, CLOSE, COPY, DOWNVOTE, RETRY, UP } from "../icons.js";
import { endText, failureText, fill } from "../texts.js";
import { isAwaited, isBlank, type Entry, type Notice, type Outgoing, type Reply, type Said } from "../thread.js";
import { timeOf } from "../times.js";
import { words } from "../words.js";
import type { Scene } from "./scene.js";

export function conversation(scene: Scene): TemplateResult {
  const { texts, thread, from, actions, persona } = scene;
  const entries = thread.entries.slice(from);
  const earlier = html`<button type="button" class="quiet earlier" part="button earlier" @click=${actions.showEarlier}>
    ${texts["log.earlier"]}
  </button>`;
  return html`
    ${from > 0 ? earlier : nothing} ${from === 0 && persona.greeting ? greeting(scene) : nothing}
    ${repeat(entries, ({ key }) => key, (each) => entry(each, scene))}
    ${isAwaited(thread) ? typing(scene) : nothing}
    ${thread.end ? ending(scene) : nothing}
    ${repeat(thread.outgoing, ({ key }) => key, (message) => outgoing(message, scene))} ${suggestions(scene)}
  `;
}

/** An entry is drawn again only when it has changed, or how all are drawn. */
function entry(each: Entry, scene: Scene): unknown {
  const { texts, persona, markdown, lang, copied } = scene;
  return guard([each, texts, persona, markdown, lang, copied === each.key], () => {
    if (each.kind === "said") return said(each, scene);
    return each.kind === "reply" ? reply(each, scene) : notice(each, scene);
  });
}

function said({ text }: Said, { texts }: Scene): TemplateResult {
  return html`<div class="entry visitor" part="entry visitor">
    <span class="spoken">${texts["who.visitor"]}</span>
    <div class="bubble" part="bubble visitor-bubble" dir="auto">${text}</div>
  </div>`;
}

function greeting(scene: Scene): TemplateResult {
  const { persona, markdown } = scene;
  return html`<div class="entry assistant" part="entry assistant">
    ${speaker(scene)}
    <div class="bubble" part="bubble assistant-bubble" dir="auto">${finished(persona.greeting, markdown)}</div>
  </div>`;
}

function reply(each: Reply, scene: Scene): TemplateResult {
  const { text, outcome } = each;
  const isOpen = outcome === "open";
  const note = isOpen || outcome === "whole" ? "" : scene.texts[`reply.${outcome}`];
  const bubble = html`<div class="bubble ${isOpen ? "open" : ""}" part="bubble assistant-bubble" dir="auto">${
    isOpen ? words(text) : finished(text, scene.markdown)
  }</div>`;
  return html`<div class="entry assistant ${outcome}" part="entry assistant">
    ${speaker(scene)} ${text || isOpen ? bubble : nothing}
    ${note ? html`<div class="note" part="note">${note}</div>` : nothing}
    ${isOpen || !text ? nothing : tools(each, scene)}
  </div>`;
}

/** A text that has been said to its end. Markdown is drawn only now: half of it is something else. */
function finished(text: string, markdown: Scene["markdown"]): unknown {
  return markdown ? html`<div class="markdown">${guard([text, markdown], () => markdown.rendered(text))}</div>` : words(text);
}

function tools({ key, text, responseId, rating }: Reply, { texts, copied, actions }: Scene): TemplateResult {
  const isCopied = copied === key;
  const copyText = texts[isCopied ? "reply.copied" : "reply.copy"];
  const copy = html`<button type="button" class="tool" part="tool copy" title=${copyText} aria-label=${copyText}
    @click=${() => actions.copy?.(key, text)}>${isCopied ? CHECK : COPY}</button>`;
  const rate = (which: "up" | "down") => html`<button type="button" class="tool" part="tool ${which}"
    title=${texts[`reply.${which}`]} aria-label=${texts[`reply.${which}`]} aria-pressed=${rating === which}
    @click=${() => actions.rate(key, which)}>${which === "up" ? UP : DOWNVOTE}</button>`;
  return html`<div class="tools" part="tools">${actions.copy ? copy : nothing}${responseId ? [rate("up"), rate("down")] : nothing}</div>`;
}

function notice({ about, text, at }: Notice, { texts, lang }: Scene): TemplateResult {
  const time = at === undefined ? "" : fill(texts["notice.at"], { time: timeOf(at, lang) });
  const why = about === "idle_warning" ? texts["notice.idle"] : "";
  return html`<div class="entry notice ${about}" part="entry notice">
    <div class="bubble" part="bubble notice-bubble" dir="auto">${text}</div>
    ${why || time ? html`<div class="note" part="note">${[why, time].filter(Boolean).join(" · ")}</div>` : nothing}
  </div>`;
}

function typing({ texts, persona }: Scene): TemplateResult {
  const text = persona.name ? fill(texts["reply.typing"], { name: persona.name }) : texts["reply.nameless_typing"];
  return html`<div class="entry assistant" part="entry assistant">
    <div class="bubble typing" part="bubble typing"><span class="spoken">${text}</span><i></i><i></i><i></i></div>
  </div>`;
}

function outgoing({ key, text, failure }: Outgoing, { texts, state, thread, actions }: Scene): TemplateResult {
  const waits = texts[state === "offline" || state === "failed" ? "outgoing.waiting" : "outgoing.sending"];
  const waiting = html`<div class="note patient" part="note">${waits}</div>`;
  const retry = texts[thread.end ? "outgoing.retry_anew" : "outgoing.retry"];
  const failed = failure && html`<div class="note failure" part="note failure">
    <span>${texts["outgoing.failed"]} ${failureText(texts, failure)}</span>
    <button type="button" class="quiet" part="button retry" @click=${() => actions.retry(key)}>${RETRY}${retry}</button>
    <button type="button" class="tool" part="tool dismiss" aria-label=${texts["problem.dismiss"]}
      title=${texts["problem.dismiss"]} @click=${() => actions.withdraw(key)}>${CLOSE}</button>
  </div>`;
  return html`<div class="entry visitor outgoing ${failure ? "failed" : ""}" part="entry visitor outgoing">
    <span class="spoken">${texts["who.visitor"]}</span>
    <div class="bubble" part="bubble visitor-bubble" dir="auto">${text}</div>
    ${failed ?? waiting}
  </div>`;
}

function suggestions({ thread, persona, texts, actions }: Scene): TemplateResult | typeof nothing {
  const offered = isBlank(thread) ? persona.suggestions : thread.suggestions;
  if (!offered.length || thread.end) return nothing;
  const chip = (text: string) => html`<button type="button" class="chip" part="suggestion" dir="auto"
    @click=${() => actions.suggest(text)}>${text}</button>`;
  return html`<div class="suggestions" part="suggestions" role="group" aria-label=${texts["suggestions.label"]}>
    ${offered.map(chip)}
  </div>`;
}

function ending({ thread, texts, actions }: Scene): TemplateResult {
  return html`<div class="ending" part="ending">
    <div>${thread.end && endText(texts, thread.end)}</div>
    <button type="button" class="primary anew" part="button anew" @click=${actions.startAgain}>${texts["end.anew"]}</button>
  </div>`;
}

function speaker({ texts, persona }: Scene): TemplateResult {
  const text = persona.name ? fill(texts["who.assistant"], { name: persona.name }) : texts["who.nameless"];
  return html`<span class="spoken">${text}</span>`;
}
