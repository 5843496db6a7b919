// The focus is never nowhere: where what had it goes away, it comes to where one goes on.

/** Whether what had the focus can't have it any more. */
export function isLost(focused: Element | null | undefined): boolean {
  return !!focused && (!focused.isConnected || !focused.getClientRects().length || focused.matches(":disabled"));
}

/** Whether whoever is here uses a finger, who would be shown a keyboard with the focus on what can be typed in. */
export function isTouched(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}
