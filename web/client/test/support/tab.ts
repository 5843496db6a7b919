// A browser's tab, as far as the client knows one: its storage, which outlives a reload, and clients that are gone with it.
import WebSocket from "ws";
import { ChatWebSocket, type ChatOptions, type KeyValueStorage, type State } from "../../src/index.js";
import { until } from "./until.js";

/** Quick, so that tests wait for nothing but conditions. */
export const QUICK = { retryMs: 5, retryMostMs: 20, stableMs: 0, debounceMs: 0 };

export class TabStorage implements KeyValueStorage {
  readonly entries = new Map<string, string>();

  get length(): number {
    return this.entries.size;
  }

  /** In an order that has nothing to do with when they were put there, as browsers have it. */
  key(index: number): string | null {
    return [...this.entries.keys()].sort()[index] ?? null;
  }

  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.entries.set(key, value);
  }

  removeItem(key: string): void {
    this.entries.delete(key);
  }
}

export class Tab {
  readonly storage = new TabStorage();
  readonly #clients: ChatWebSocket[] = [];

  /** A page is loaded: a new client, and the one before it is gone without a word, unless it is on the same page. */
  load(url: string, options: ChatOptions = {}, beside?: ChatWebSocket): ChatWebSocket {
    if (!beside) this.leave();
    const timing = { ...QUICK, ...options.timing };
    const client = new ChatWebSocket(url, { WebSocket, storage: this.storage, ...options, timing });
    this.#clients.push(client);
    return client;
  }

  leave(): void {
    for (const client of this.#clients.splice(0)) client.close();
  }
}

export async function reaches(client: ChatWebSocket, state: State): Promise<void> {
  await until(() => client.state === state, `${state}, while it is ${client.state}`);
}
