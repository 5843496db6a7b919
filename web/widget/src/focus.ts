// The focus is never nowhere: where what had it goes away, it comes to where one goes on.

/** Whether what had the focus can't have it any more. */
export function isLost(focused: Element | null | undefined): boolean {
  return !!focused && (!focused.isConnected || !isReachable(focused));
}

/** Whether whoever is here uses a finger, who would be shown a keyboard with the focus on what can be typed in. */
export function isTouched(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}

/** Have Tab go round within a panel that covers all else. */
export function goRound(panel: HTMLElement, event: KeyboardEvent): void {
  const stops = [...panel.querySelectorAll<HTMLElement>("a[href], button, textarea, [tabindex='0']")].filter(isReachable);
  const [from, to] = event.shiftKey ? [stops.at(0), stops.at(-1)] : [stops.at(-1), stops.at(0)];
  if ((panel.getRootNode() as ShadowRoot).activeElement !== from) return;
  event.preventDefault();
  to?.focus();
}

function isReachable(element: Element): boolean {
  return element.getClientRects().length > 0 && !element.matches(":disabled");
}
