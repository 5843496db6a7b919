// Where a message is typed.
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { charsLeft, isNearLimit, isSendable, isSendKey } from "../drafts.js";
import { SEND } from "../icons.js";
import { fill } from "../texts.js";
import type { Scene } from "./scene.js";

export function composer({ texts, thread, persona, draft, actions }: Scene): TemplateResult {
  const most = persona.maxMessageChars;
  const left = charsLeft(draft, most);
  const isNear = isNearLimit(left, most);
  const hasEnded = thread.end !== undefined;
  const submitted = (event: Event) => {
    event.preventDefault();
    actions.submit();
  };
  const pressed = (event: KeyboardEvent) => {
    if (isSendKey(event)) submitted(event);
  };
  const typed = (event: InputEvent) => actions.typed((event.target as HTMLTextAreaElement).value);
  return html`<form part="composer" @submit=${submitted}>
      <div class="field" part="field" data-text=${draft}>
        <textarea part="input" rows="1" dir=${draft ? "auto" : nothing} enterkeyhint="send" aria-label=${texts["composer.label"]}
          placeholder=${texts[hasEnded ? "composer.ended" : "composer.placeholder"]} ?disabled=${hasEnded}
          aria-invalid=${left < 0} aria-describedby=${isNear ? "count" : nothing}
          .value=${live(draft)} @input=${typed} @keydown=${pressed}></textarea>
      </div>
      <button type="submit" class="send" part="send" aria-label=${texts["composer.send"]} title=${texts["composer.send"]}
        aria-disabled=${hasEnded || !isSendable(draft, most)}>${SEND}</button>
    </form>
    <div id="count" class="count ${left < 0 ? "over" : ""}" ?hidden=${!isNear}>
      ${fill(texts[left < 0 ? "composer.over" : "composer.left"], { count: Math.abs(left) })}
    </div>`;
}
