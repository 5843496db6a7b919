// A text that grows: what is new is appended to the one text node that is there, so that a word costs a word, and what the
// reader has selected stays selected.
import { Directive, directive } from "lit/directive.js";

class Words extends Directive {
  readonly #node = document.createTextNode("");

  render(text: string): Text {
    const drawn = this.#node.data;
    if (text.startsWith(drawn)) this.#node.appendData(text.slice(drawn.length));
    else this.#node.data = text;
    return this.#node;
  }
}

export const words = directive(Words);
