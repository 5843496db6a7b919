import { describe, expect, it, vi } from "vitest";
import { ChatWebSocket, type State } from "../src/index.js";
import { following, problemsOf, server, tab, wordsOf } from "./support/scene.js";
import * as scripted from "./support/scripted.js";
import { MESSAGE_ID, RESPONSE_ID, SESSION, VISITOR } from "./support/scripted.js";
import { reaches } from "./support/tab.js";
import { until } from "./support/until.js";

describe("the specification's interface", () => {
  it("has its methods, and gives its callbacks words and ends in its shapes", async () => {
    const client = tab.load(server.url);
    const told: object[] = [];
    client.setOnMessage((message) => told.push(message));
    client.connect();
    const peer = await server.peer();
    client.sendMessage("What is a novated lease?", SESSION, VISITOR);
    await peer.join();
    await peer.accept();

    peer.send(scripted.chunk("A ", "3.2"));
    peer.send(scripted.complete("A lease", "4.0", { suggestions: ["Why?"] }));
    peer.send(scripted.complete("", "5.0", { complete: true, needs_info: true }));
    await until(() => told.length === 3, "three messages");

    const end = { type: "complete", responseId: RESPONSE_ID, messageId: MESSAGE_ID, conversationData: {} };
    expect(told).toEqual([
      { type: "chunk", chunk: "A ", done: false, messageId: MESSAGE_ID },
      { ...end, complete: false, needsInfo: null, suggestions: ["Why?"] },
      { ...end, complete: true, needsInfo: true, suggestions: [] },
    ]);
  });

  it("tells onError of the service's errors, word for word", async () => {
    const client = tab.load(server.url);
    const told: Error[] = [];
    client.setOnError((error) => told.push(error));
    client.connect();
    const peer = await server.peer();
    client.sendMessage("Hello", SESSION, VISITOR);
    await peer.next("join");

    peer.send(scripted.error("session_not_found", "Session not found"));
    await until(() => told.length === 1, "an error");

    expect(told[0]).toBeInstanceOf(Error);
    expect(told[0]?.message).toBe("Session not found");
    expect(client.state, "a page makes a new session and goes on").toBe("open");
    expect(client.outbox).toEqual([]);
  });

  it("tells onClose, with nothing, of every connection that ends, also by close()", async () => {
    const { client, peer } = await following();
    const told: unknown[][] = [];
    client.setOnClose((...given: unknown[]) => void told.push(given));

    peer.drop();
    await until(() => told.length > 0, "to be told");
    await (await server.peer()).join();
    await reaches(client, "open");
    const before = told.length;
    client.close();

    expect(told.slice(before)).toEqual([[]]);
  });

  it("connects with the subprotocol, once, and with no credentials in its URL", async () => {
    const { client, peer } = await following();
    client.connect();

    expect(peer.request.headers["sec-websocket-protocol"]).toBe("verbatim.v1");
    expect(peer.request.url).toBe("/ws/chat/");
    expect(server.peers).toHaveLength(1);
  });

  it("can't be had where there is no WebSocket, and says what is missing", () => {
    vi.stubGlobal("WebSocket", undefined);

    expect(() => new ChatWebSocket(server.url)).toThrow(/no WebSocket: give one.* as the option `WebSocket`/);
  });
});

describe("events", () => {
  it("reach all listeners in their order, though one of them acts at once", async () => {
    const client = tab.load(server.url);
    client.on("state", ({ state }) => state === "open" && client.close());
    const states: State[] = [];
    client.on("state", ({ state }) => states.push(state));
    client.connect();
    await reaches(client, "closed");

    expect(states).toEqual(["connecting", "open", "closed"]);
  });

  it("are for those who listen when they happen", async () => {
    const { client, peer } = await following();
    const told: string[] = [];
    const stop = client.on("state", ({ state }) => told.push(`stopped before ${state}`));
    client.on("chunk", () => {
      client.close();
      stop();
      client.on("state", ({ state }) => told.push(state));
      client.connect();
    });

    peer.send(scripted.chunk("A ", "3.2"));
    await reaches(client, "resuming");

    expect(told).toEqual(["connecting", "resuming"]);
  });

  it("reach all listeners, whatever one of them throws, until they stop", async () => {
    const { client, peer } = await following();
    const thrown: unknown[] = [];
    const catcher = (error: unknown) => void thrown.push(error);
    process.once("uncaughtException", catcher);
    const stop = client.on("chunk", () => {
      throw new Error("a page's mistake");
    });
    const words = wordsOf(client);

    peer.send(scripted.chunk("A ", "3.2"));
    await until(() => thrown.length === 1, "the page to be told of its mistake");
    stop();
    peer.send(scripted.chunk("B ", "3.4"));
    await until(() => words.length === 2, "both words");

    expect(thrown).toEqual([new Error("a page's mistake")]);
  });

  it("tell of frames that nobody can read, and go on with those of later services", async () => {
    const { client, peer } = await following();
    const problems = problemsOf(client);
    const frames: string[] = [];
    client.on("frame", ({ type }) => frames.push(type));

    for (const text of ["{", "null", "[1]", '{"type": 5}']) peer.send(text);
    peer.send({ type: "to_be_invented", session_id: SESSION, metadata: {} });
    peer.send({ type: "to_be_invented_too", session_id: SESSION });
    await until(() => frames.length === 2, "the unknown frames");

    expect(problems).toEqual(["unreadable", "unreadable", "unreadable", "unreadable"]);
    expect(client.state).toBe("open");
  });
});
