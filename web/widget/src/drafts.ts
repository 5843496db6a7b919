// What may be sent of what is being typed.

/** What is left of the limit, counted as the service counts: in code points. */
export function charsLeft(text: string, most: number): number {
  return most - [...text.trim()].length;
}

/** Whether the writer should be told how much is left. */
export function isNearLimit(left: number, most: number): boolean {
  return left < most / 10;
}

/** Whether a key sends. Not the Enter that ends the composing of a character, which some browsers tell only by 229. */
export function isSendKey(event: Pick<KeyboardEvent, "key" | "shiftKey" | "isComposing" | "keyCode">): boolean {
  const { key, shiftKey, isComposing } = event;
  return key === "Enter" && !shiftKey && !isComposing && event.keyCode !== 229; // eslint-disable-line @typescript-eslint/no-deprecated
}

/** Whether a text is one that can be sent. */
export function isSendable(text: string, most: number): boolean {
  return text.trim() !== "" && charsLeft(text, most) >= 0;
}
