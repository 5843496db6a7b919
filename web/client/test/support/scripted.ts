// A server on a real socket that does just what a test tells it, frame by frame.
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import type { ChatMessage, ClientFrame, Join, ServerFrame } from "../../src/frames.js";
import { until } from "./until.js";

type FrameOf<Type extends ClientFrame["type"]> = Extract<ClientFrame, { type: Type }>;

/** One client's connection, seen from the server. */
export class Peer {
  readonly received: ClientFrame[] = [];
  #read = 0;

  constructor(
    readonly socket: WebSocket,
    readonly request: IncomingMessage,
  ) {
    socket.on("message", (data: Buffer) => this.received.push(JSON.parse(data.toString()) as ClientFrame));
  }

  /** The next frame that came, which must be of this type. */
  async next<Type extends ClientFrame["type"]>(type: Type): Promise<FrameOf<Type>> {
    await until(() => this.received.length > this.#read, `a frame ${type}`);
    const frame = this.received[this.#read++];
    if (frame?.type !== type) throw new Error(`${String(frame?.type)} came, not ${type}`);
    return frame as FrameOf<Type>;
  }

  /** Whether all that came has been looked at. */
  get isQuiet(): boolean {
    return this.received.length === this.#read;
  }

  send(frame: object | string): void {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify({ done: false, complete: false, ...frame }));
  }

  /** Let a client join, as the service greets it. */
  async join(cursor = "1.0"): Promise<Join> {
    const join = await this.next("join");
    this.send(connected(join.session_id, join.after ?? cursor));
    return join;
  }

  /** Take a message, and acknowledge it. */
  async accept(version = 2): Promise<ChatMessage> {
    const message = await this.next("chat_message");
    this.send(accepted(message, version));
    return message;
  }

  close(code: number, reason = ""): void {
    this.socket.close(code, reason);
  }

  /** Break the connection without a word. */
  drop(): void {
    this.socket.terminate();
  }
}

export class ScriptedServer {
  readonly peers: Peer[] = [];
  readonly #server: WebSocketServer;
  #taken = 0;

  private constructor(port: number) {
    this.#server = new WebSocketServer({ port, host: "127.0.0.1", handleProtocols: (offered) => [...offered][0] ?? false });
    this.#server.on("connection", (socket, request) => {
      const peer = new Peer(socket, request);
      this.peers.push(peer);
      peer.send({ type: "connected", metadata: { status: "connected" } });
    });
  }

  static async start(port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer(port);
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws/chat/`;
  }

  /** The next connection that is made. */
  async peer(): Promise<Peer> {
    await until(() => this.peers.length > this.#taken, "a connection");
    return this.peers[this.#taken++] as Peer;
  }

  async stop(): Promise<void> {
    for (const { socket } of this.peers) socket.terminate();
    this.#server.close();
    await once(this.#server, "close");
  }
}

// --- frames as the service sends them

export const SESSION = "550e8400-e29b-41d4-a716-446655440000";
export const VISITOR = "660e8400-e29b-41d4-a716-446655440000";
export const MESSAGE_ID = "770e8400-e29b-41d4-a716-446655440000";
export const RESPONSE_ID = "880e8400-e29b-41d4-a716-446655440000";

export function connected(session_id: string, cursor: string): object {
  return { type: "connected", session_id, conversation_data: {}, metadata: { status: "connected", cursor } };
}

export function accepted(message: ChatMessage, version: number): object {
  const metadata = { cursor: `${version}.0`, client_message_id: message.client_message_id };
  return { type: "accepted", session_id: message.session_id, message_id: MESSAGE_ID, metadata };
}

export function chunk(word: string, cursor: string, session_id = SESSION): object {
  return { type: "chunk", session_id, message_id: MESSAGE_ID, chunk: word, metadata: { cursor } };
}

export function complete(message: string, cursor: string, more: Partial<ServerFrame> = {}): object {
  const ids = { session_id: SESSION, message_id: MESSAGE_ID, response_id: RESPONSE_ID };
  const metadata = { cursor, finish_reason: "stop" };
  return { type: "complete", ...ids, done: true, message, conversation_data: {}, metadata, ...more };
}

export function error(code: string, text: string, session_id = SESSION): object {
  return { type: "error", session_id, error: text, metadata: { error_type: "processing_error", code } };
}

/** An error that answers a message, which it names. */
export function refusal({ session_id, client_message_id }: ChatMessage, code: string, text: string): object {
  return { ...error(code, text, session_id), metadata: { error_type: "processing_error", code, client_message_id } };
}
