// One connection after another, on partysocket, until it is closed or the service wants no more.
//
// Two things of partysocket are not used. Its delays have no jitter, so ours are in its URL provider, which it asks before
// each attempt. Its buffer is sent before `open` is told, hence before the sessions are joined again: what waits to be sent
// is kept in the outbox.
import ReconnectingWebSocket from "partysocket/ws";
import { Backoff, Pause } from "./backoff.js";
import { SUBPROTOCOL, type ClientFrame } from "./frames.js";
import type { Timing } from "./options.js";
import { onWake } from "./wake.js";

export interface Loss {
  readonly code: number;
  readonly reason: string;
  /** The service wants no other attempt: it has closed with 44xx. */
  readonly isFinal: boolean;
}

export interface ConnectionListener {
  opened(): void;
  received(text: string): void;
  /** There is no connection any more, or an attempt has failed. The next one comes by itself, unless this is closed now. */
  lost(loss: Loss): void;
  /** The network has refused or broken a connection: told once, until there is one again. */
  failed(): void;
  /** Somebody looks at the page, or the network is back, while there is a connection. */
  woken(): void;
}

/** What `WebSocket` is, where it isn't the browser's. */
export type WebSocketClass = new (url: string, protocols?: string[]) => object;

/** What a connection is closed with that gives no answer any more. */
const NO_ANSWER = 4000;
/** What browsers say of one that couldn't be made. */
const NOT_MADE = 1006;

export class Connection {
  readonly #socket: ReconnectingWebSocket;
  readonly #backoff: Backoff;
  readonly #pause = new Pause();
  readonly #sleepLightly: () => void;
  #hasTried = false;
  #isOver = false;
  #openedAt: number | undefined;
  /** Somebody waits: the next attempt is made at once. */
  #hurries = false;
  #hasFailed = false;

  constructor(
    private readonly url: string,
    private readonly listener: ConnectionListener,
    private readonly timing: Timing,
    webSocket: WebSocketClass | undefined,
  ) {
    this.#backoff = new Backoff(timing.retryMs, timing.retryMostMs);
    this.#socket = new ReconnectingWebSocket(() => this.#nextUrl(), [SUBPROTOCOL], {
      minReconnectionDelay: 0,
      maxReconnectionDelay: 0,
      maxEnqueuedMessages: 0,
      connectionTimeout: timing.connectMs,
      WebSocket: webSocket,
    });
    // Its listeners get copies, in which browsers lose the code: these get the events themselves.
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = ({ data }) => this.#isOver || listener.received(String(data));
    this.#socket.onclose = ({ code, reason }) => this.#lost(code, reason);
    this.#socket.onerror = () => this.#failed();
    this.#sleepLightly = onWake(() => this.#wake());
  }

  /** Send, if there is a connection. */
  send(frame: ClientFrame): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Give this connection up for a new one, in a while. */
  retry(reason: string): void {
    if (!this.#isOver) this.#socket.reconnect(NO_ANSWER, reason);
  }

  /** For good. */
  close(): void {
    this.#socket.close(1000);
    this.#isOver = true;
    this.#sleepLightly();
    this.#pause.end();
  }

  async #nextUrl(): Promise<string> {
    // A hidden page's timers may come so late that it was woken before it waits.
    if (this.#hasTried && !this.#hurries) await this.#pause.wait(this.#backoff.next());
    this.#hasTried = true;
    return this.url;
  }

  #opened(): void {
    if (this.#isOver) return;
    this.#openedAt = Date.now();
    this.#hasFailed = false;
    this.listener.opened();
  }

  #lost(code: number, reason: string): void {
    if (this.#isOver) return;
    const wasOpen = this.#openedAt !== undefined;
    // One that was closed again at once was no success.
    if (Date.now() - (this.#openedAt ?? Infinity) >= this.timing.stableMs) this.#backoff.reset();
    this.#openedAt = undefined;
    this.#hurries = false;
    this.listener.lost({ code: wasOpen ? code : NOT_MADE, reason, isFinal: code >= 4400 && code < 4500 });
  }

  #failed(): void {
    if (!this.#isOver && !this.#hasFailed) this.listener.failed();
    this.#hasFailed = true;
  }

  #wake(): void {
    this.#hurries = true;
    this.#pause.end();
    if (this.#openedAt !== undefined) this.listener.woken();
  }
}
