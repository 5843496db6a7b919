// A service with a log in memory: it records messages once by their id, says words in batches, and sends whoever joins
// what lies after their cursor. Connections break when the test's plan says so, before or after a frame was taken.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import type { ChatMessage, ClientFrame } from "../../src/frames.js";
import * as scripted from "./scripted.js";

interface Entry {
  readonly version: number;
  readonly offset: number;
  readonly frame: object;
}

/** After so many frames, in and out, the connection breaks: if that one comes in, before it is taken or after. */
export interface Break {
  readonly after: number;
  readonly isTaken: boolean;
}

export class Recorder {
  readonly messages: ChatMessage[] = [];
  readonly words: string[] = [];
  readonly #log: Entry[] = [];
  readonly #followers = new Map<WebSocket, number>();
  readonly #server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  #version = 1;
  #offset = 0;
  #frames = 0;

  constructor(private readonly breaks: Break[]) {
    this.#server.on("connection", (socket) => {
      socket.send(JSON.stringify({ type: "connected", metadata: { status: "connected" } }));
      socket.on("message", (data: Buffer) => this.#receive(socket, JSON.parse(data.toString()) as ClientFrame));
      socket.on("close", () => this.#followers.delete(socket));
    });
  }

  static async start(breaks: readonly Break[]): Promise<Recorder> {
    const recorder = new Recorder([...breaks]);
    await once(recorder.#server, "listening");
    return recorder;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws/chat/`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, "close");
  }

  #receive(socket: WebSocket, frame: ClientFrame): void {
    const broken = this.#breaks();
    const isTaken = broken?.isTaken ?? true;
    if (isTaken && frame.type === "join") this.#join(socket, frame.after ?? `${this.#version}.0`);
    if (isTaken && frame.type === "chat_message") this.#accept(socket, frame);
    if (broken) socket.terminate();
  }

  #join(socket: WebSocket, after: string): void {
    this.#send(socket, scripted.connected(scripted.SESSION, after));
    const [version = 0, offset = 0] = after.split(".").map(Number);
    const seen = this.#log.filter((entry) => entry.version < version || (entry.version === version && entry.offset <= offset));
    this.#followers.set(socket, seen.length);
    this.#deliver();
  }

  #accept(socket: WebSocket, message: ChatMessage): void {
    let known = this.messages.findIndex(({ client_message_id }) => client_message_id === message.client_message_id);
    if (known < 0) {
      known = this.messages.push(message) - 1;
      this.#answer(message);
    }
    this.#send(socket, scripted.accepted(message, known));
    this.#deliver();
  }

  /** Two batches of two words, and the end. */
  #answer({ message }: ChatMessage): void {
    for (const batch of [["You ", "said "], [`${message} `, "now. "]]) {
      this.#version++;
      for (const word of batch) {
        this.#offset += word.length;
        this.words.push(word);
        const frame = scripted.chunk(word, `${this.#version}.${this.#offset}`);
        this.#log.push({ version: this.#version, offset: this.#offset, frame });
      }
    }
    this.#version++;
    this.#offset = 0;
    this.#log.push({ version: this.#version, offset: 0, frame: scripted.complete("", `${this.#version}.0`) });
  }

  #deliver(): void {
    for (const [socket, start] of this.#followers) {
      for (let index = start; index < this.#log.length && socket.readyState === socket.OPEN; index++) {
        this.#send(socket, (this.#log[index] as Entry).frame);
        this.#followers.set(socket, index + 1);
      }
    }
  }

  #send(socket: WebSocket, frame: object): void {
    if (socket.readyState !== socket.OPEN) return;
    if (this.#breaks()) socket.terminate();
    else socket.send(JSON.stringify({ done: false, complete: false, ...frame }));
  }

  #breaks(): Break | undefined {
    this.#frames++;
    if (this.breaks[0] === undefined || this.#frames < this.breaks[0].after) return undefined;
    this.#frames = 0;
    return this.breaks.shift();
  }
}
