// What may be sent of what is being typed.

/** What is left of the limit, counted as the service counts: in code points. */
export function charsLeft(text: string, most: number): number {
  return most - [...text.trim()].length;
}

/** Whether the writer should be told how much is left. */
export function isNearLimit(left: number, most: number): boolean {
  return left < most / 10;
}

type Key = Pick<KeyboardEvent, "key" | "shiftKey" | "isComposing" | "keyCode">;

/** Whether a key composes a character, or ends that, which some browsers tell only by 229. */
export function isComposing(event: Key): boolean {
  return event.isComposing || event.keyCode === 229; // eslint-disable-line @typescript-eslint/no-deprecated
}

/** Whether a key sends. */
export function isSendKey(event: Key): boolean {
  return event.key === "Enter" && !event.shiftKey && !isComposing(event);
}

/** Whether a text is one that can be sent. */
export function isSendable(text: string, most: number): boolean {
  return text.trim() !== "" && charsLeft(text, most) >= 0;
}
