// Waiting for conditions, never for time.

/** Return once the condition holds; fail after ten seconds, saying what was waited for. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUp = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > giveUp) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
