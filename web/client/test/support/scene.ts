// What most tests of the client begin with.
import { afterEach, beforeEach, vi } from "vitest";
import type { ChatWebSocket } from "../../src/index.js";
import { ScriptedServer, SESSION, VISITOR, type Peer } from "./scripted.js";
import { reaches, Tab } from "./tab.js";

/** A server and a tab, anew for each test of the file that imports this. */
export let server: ScriptedServer;
export let tab: Tab;

beforeEach(async () => {
  server = await ScriptedServer.start();
  tab = new Tab();
});

afterEach(async () => {
  tab.leave();
  vi.unstubAllGlobals();
  await server.stop();
});

/** Have the tab find another server at its address. */
export function replaceServer(other: ScriptedServer): void {
  server = other;
}

/** A client that follows the session, and the connection on which it does. */
export async function following(options?: Parameters<Tab["load"]>[1]): Promise<{ client: ChatWebSocket; peer: Peer }> {
  const client = tab.load(server.url, options);
  client.follow(SESSION, VISITOR);
  client.connect();
  const peer = await server.peer();
  await peer.join();
  await reaches(client, "open");
  return { client, peer };
}

export function wordsOf(client: ChatWebSocket): string[] {
  const words: string[] = [];
  client.on("chunk", (frame) => words.push(frame.chunk));
  return words;
}

export function problemsOf(client: ChatWebSocket): string[] {
  const codes: string[] = [];
  client.on("problem", (error) => codes.push(error.code));
  return codes;
}
