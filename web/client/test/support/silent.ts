// A network that is gone: whoever connects gets no answer, and isn't refused either.
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { ScriptedServer } from "./scripted.js";
import { until } from "./until.js";

export class SilentServer {
  readonly #sockets: Socket[] = [];
  readonly #server = createServer((socket) => this.#sockets.push(socket.on("error", () => undefined)));

  /** `first` is all that is said to whoever connects. */
  static async start(first = ""): Promise<SilentServer> {
    const silent = new SilentServer();
    silent.#server.on("connection", (socket) => socket.write(first));
    silent.#server.listen(0, "127.0.0.1");
    await once(silent.#server, "listening");
    return silent;
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/ws/chat/`;
  }

  /** So many have connected. */
  async reached(times: number): Promise<void> {
    await until(() => this.#sockets.length === times, `${times} connections`);
  }

  /** The network is back: the service is at the same address. Those who have connected before still get no answer. */
  async replaced(): Promise<ScriptedServer> {
    const port = this.#port;
    this.#server.close();
    return ScriptedServer.start(port);
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }
}
