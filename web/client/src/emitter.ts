// Events by name, with their types. A listener that throws hurts neither the client nor the other listeners, and one that
// acts at once doesn't have them hear of what comes of it before they hear of what came first.

export type Listener<Event> = (event: Event) => void;

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();
  readonly #calls: (() => void)[] = [];
  #isEmitting = false;

  /** Listen. What is returned stops it. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // One of its own for each call: the same function may listen twice, and stop once.
    const own: Listener<Events[Name]> = (event) => listener(event);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** Tell those who listen now. What a listener does that is told as well is told when all have heard of this. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name) as Set<Listener<Events[Name]>> | undefined;
    for (const listener of listeners ?? []) this.#calls.push(() => listeners?.has(listener) && listener(event));
    if (!this.#isEmitting) this.#emitAll();
  }

  #emitAll(): void {
    this.#isEmitting = true;
    for (let call = this.#calls.shift(); call; call = this.#calls.shift()) attempt(call);
    this.#isEmitting = false;
  }
}

function attempt(call: () => void): void {
  try {
    call();
  } catch (error) {
    setTimeout(() => {
      throw error; // where the page's own handler of errors sees it
    });
  }
}
