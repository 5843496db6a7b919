import { describe, expect, it, vi } from "vitest";
import { ChatError, ChatWebSocket, type State } from "../src/index.js";
import { following, problemsOf, server, tab, wordsOf } from "./support/scene.js";
import * as scripted from "./support/scripted.js";
import { MESSAGE_ID, RESPONSE_ID, SESSION, VISITOR } from "./support/scripted.js";
import { SilentServer } from "./support/silent.js";
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

describe("a message", () => {
  it("that is sent before there is a connection goes out after the session is joined", async () => {
    const client = tab.load(server.url);
    const id = client.sendMessage("Hello", SESSION.toUpperCase(), VISITOR);
    client.connect();
    const peer = await server.peer();

    await peer.next("join");
    peer.send(scripted.connected(SESSION, "1.0"));
    const message = await peer.next("chat_message");

    expect(message).toEqual({
      type: "chat_message",
      message: "Hello",
      session_id: SESSION,
      visitor_id: VISITOR,
      client_message_id: id,
    });
  });

  it("stays in the outbox until it is accepted, whatever else comes", async () => {
    const { client, peer } = await following();
    const id = client.sendMessage("Hello", SESSION, VISITOR);
    const message = await peer.next("chat_message");
    const frames: string[] = [];
    client.on("frame", ({ type }) => frames.push(type));

    const metadata = { cursor: "2.0", client_message_id: id };
    peer.send({ type: "message", session_id: SESSION, message_id: MESSAGE_ID, message: "Hello", metadata });
    peer.send(scripted.chunk("Hi ", "4.3"));
    await until(() => frames.includes("chunk"), "a word");
    expect(client.outbox.map(({ client_message_id }) => client_message_id)).toEqual([id]);
    expect(tab.storage.length).toBe(2);

    peer.send(scripted.accepted(message, 2));
    await until(() => frames.includes("accepted"), "the acknowledgement");
    expect(client.outbox).toEqual([]);
    expect([...tab.storage.entries.keys()]).toEqual([expect.stringContaining(`session ${SESSION}`)]);
  });

  it("stays in the outbox, whatever answers something else", async () => {
    const { client, peer } = await following();
    const problems = problemsOf(client);
    const id = client.sendMessage("Hello", SESSION, VISITOR);
    const message = await peer.next("chat_message");
    const others = { ...message, client_message_id: "another" };

    peer.send(scripted.accepted(others, 2));
    peer.send(scripted.refusal(others, "conflict", "No"));
    peer.send(scripted.error("session_not_found", "Session not found"));
    await until(() => problems.length === 2, "all of them");
    expect(client.outbox.map(({ client_message_id }) => client_message_id)).toEqual([id]);

    peer.send(scripted.accepted(message, 2));
    await until(() => !client.outbox.length, "the acknowledgement");
    expect(server.peers).toHaveLength(1);
  });

  it("that a later answer passes over is sent again, on another connection", async () => {
    const { client, peer } = await following();
    const id = client.sendMessage("Hello", SESSION, VISITOR);
    await peer.next("chat_message");
    void client.feedback(RESPONSE_ID, "up");
    await peer.next("feedback");
    await peer.next("ping");
    peer.send({ type: "pong" });

    const again = await server.peer();
    await again.join();

    expect(client.outbox.map(({ client_message_id }) => client_message_id)).toEqual([id]);
    await again.next("feedback");
    await again.next("ping");
    expect((await again.accept()).client_message_id).toBe(id);
  });

  it("whose acknowledgement was lost is sent again under the same id", async () => {
    const { client, peer } = await following();
    const id = client.sendMessage("Hello", SESSION, VISITOR);
    await peer.next("chat_message");
    peer.drop();

    const again = await server.peer();
    await again.join();

    expect((await again.accept()).client_message_id).toBe(id);
    await until(() => !client.outbox.length, "the acknowledgement");
  });

  it("that is sent again doesn't count a second time", async () => {
    const { client, peer } = await following({ pace: { burst: 2, perMinute: 0.001 } });
    client.sendMessage("Hello", SESSION, VISITOR);
    client.sendMessage("Anybody?", SESSION, VISITOR);
    await peer.next("chat_message");
    peer.drop();

    const again = await server.peer();
    await again.join();

    expect((await again.accept()).message).toBe("Hello");
    expect((await again.accept()).message).toBe("Anybody?");
  });

  it("survives a reload with its id and its session, without being sent again by the page", async () => {
    const first = tab.load(server.url);
    const ids = [first.sendMessage("One", SESSION, VISITOR), first.sendMessage("Two", SESSION, VISITOR)];

    const reloaded = tab.load(server.url);
    reloaded.connect();
    const peer = await server.peer();
    const join = await peer.join();
    const sent = [await peer.accept(), await peer.accept()];

    expect(join).toMatchObject({ session_id: SESSION, visitor_id: VISITOR });
    expect(sent.map(({ message }) => message)).toEqual(["One", "Two"]);
    expect(sent.map(({ client_message_id }) => client_message_id)).toEqual(ids);
    await until(() => !reloaded.outbox.length, "both acknowledgements");
    expect(tab.load(server.url).outbox).toEqual([]);
  });

  it("waits for the one before it to be accepted, so that a refusal for now doesn't turn their order round", async () => {
    const { client, peer } = await following();
    client.sendMessage("One", SESSION, VISITOR);
    client.sendMessage("Two", SESSION, VISITOR);

    const message = await peer.next("chat_message");
    expect(peer.isQuiet).toBe(true);
    peer.send(scripted.refusal(message, "rate_limited", "Too many messages"));

    expect((await peer.accept()).message).toBe("One");
    expect((await peer.accept()).message).toBe("Two");
    await until(() => !client.outbox.length, "both acknowledgements");
  });

  it.each(["conflict", "session_not_active", "session_expired", "message_too_long"])(
    "that is refused for good with %s is out of the outbox, told, and followed by the next",
    async (code) => {
      const { client, peer } = await following();
      const undelivered: string[] = [];
      client.on("undelivered", ({ message, error }) => undelivered.push(`${message.message}: ${error.code}`));
      client.sendMessage("One", SESSION, VISITOR);
      client.sendMessage("Two", SESSION, VISITOR);

      peer.send(scripted.refusal(await peer.next("chat_message"), code, "No"));
      expect((await peer.accept()).message).toBe("Two");

      expect(undelivered).toEqual([`One: ${code}`]);
    },
  );

  it("isn't refused by an error that tells of a reply", async () => {
    const { client, peer } = await following();
    client.sendMessage("Hello", SESSION, VISITOR);
    const message = await peer.next("chat_message");
    const problems = problemsOf(client);

    const broken = { ...scripted.error("reply_failed", "The reply could not be completed"), response_id: RESPONSE_ID };
    peer.send({ ...broken, metadata: { error_type: "processing_error", code: "reply_failed", cursor: "3.0" } });
    await until(() => problems.length === 1, "the error");
    expect(client.outbox).toHaveLength(1);
    peer.send(scripted.accepted(message, 4));

    await until(() => !client.outbox.length, "the acknowledgement");
  });

  it("sent twice by a double click is one message, and a second one later is another, though the clock is set back", async () => {
    const { client, peer } = await following({ timing: { debounceMs: 60_000 } });

    const ids = [client.sendMessage("Yes", SESSION, VISITOR), client.sendMessage("Yes", SESSION, VISITOR)];
    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 61_000);
    vi.spyOn(Date, "now").mockReturnValue(Date.now() - 3_600_000);
    const later = client.sendMessage("Yes", SESSION, VISITOR);
    vi.restoreAllMocks();

    expect(ids[0]).toBe(ids[1]);
    expect(later).not.toBe(ids[0]);
    await peer.accept();
    await peer.accept();
    await until(() => !client.outbox.length, "two acknowledgements");
    expect(peer.isQuiet).toBe(true);
  });

  it("that was refused can be said again at once", async () => {
    const { client, peer } = await following({ timing: { debounceMs: 60_000 } });
    client.sendMessage("Yes", SESSION, VISITOR);
    peer.send(scripted.refusal(await peer.next("chat_message"), "conflict", "No"));
    await until(() => !client.outbox.length, "the refusal");

    const again = client.sendMessage("Yes", SESSION, VISITOR);

    expect((await peer.accept()).client_message_id).toBe(again);
  });

  it("that was refused for now goes out again in a while, though the clock is set back", async () => {
    const { client, peer } = await following();
    client.sendMessage("Hello", SESSION, VISITOR);
    peer.send(scripted.refusal(await peer.next("chat_message"), "unavailable", "Not now"));
    const told = problemsOf(client);
    await until(() => told.length === 1, "the refusal");

    vi.spyOn(Date, "now").mockReturnValue(Date.now() - 3_600_000);
    client.sendMessage("Anybody?", SESSION, VISITOR);

    expect((await peer.accept()).message).toBe("Hello");
    vi.restoreAllMocks();
  });

  it("goes out no faster than the pace allows, and none is left out", async () => {
    const { client, peer } = await following({ pace: { burst: 2, perMinute: 60_000 / 50 } });
    const before = performance.now();
    for (const text of ["One", "Two", "Three", "Four"]) client.sendMessage(text, SESSION, VISITOR);

    const sent = [await peer.accept(), await peer.accept(), await peer.accept(), await peer.accept()];

    expect(sent.map(({ message }) => message)).toEqual(["One", "Two", "Three", "Four"]);
    expect(performance.now() - before, "two tokens, 50 ms each").toBeGreaterThan(95);
  });

  it.each([
    ["", SESSION, VISITOR, "message_required", "message is required"],
    [" \u0085\u001c\u3000", SESSION, VISITOR, "message_required", "message is required"],
    ["😀".repeat(4001), SESSION, VISITOR, "message_too_long", "message is too long: 4001 characters, at most 4000 are accepted"],
    ["Hello", "your-session-id", VISITOR, "invalid_request", "session_id must be a UUID"],
    ["Hello", SESSION, "", "invalid_request", "visitor_id must be a UUID"],
    [undefined, SESSION, VISITOR, "message_required", "message is required"],
    [null, SESSION, VISITOR, "message_required", "message is required"],
    ["Hello", undefined, undefined, "invalid_request", "session_id must be a UUID"],
    ["Hello", SESSION, null, "invalid_request", "visitor_id must be a UUID"],
  ])("that the service would refuse is refused before it is sent: %#", (text, session, visitor, code, said) => {
    const client = tab.load(server.url);
    const told: ChatError[] = [];
    client.setOnError((error) => told.push(error));

    // A page without types may give anything.
    expect(client.sendMessage(text as string, session as string, visitor as string)).toBeNull();

    expect(told.map((error) => [error.code, error.message])).toEqual([[code, said]]);
    expect(client.outbox).toEqual([]);
    expect(tab.storage.length).toBe(0);
  });

  it("of as many characters as are accepted is sent, and half a character is replaced", async () => {
    const { client, peer } = await following();

    client.sendMessage("😀".repeat(4000), SESSION, VISITOR);
    client.sendMessage("a\ud800b", SESSION, VISITOR);

    expect([...(await peer.accept()).message]).toHaveLength(4000);
    expect((await peer.accept()).message).toBe("a\ufffdb");
  });

  it("beyond what may wait is refused, and those that wait stay", () => {
    const client = tab.load(server.url, { maxQueued: 2 });
    const problems = problemsOf(client);

    const ids = ["One", "Two", "Three"].map((text) => client.sendMessage(text, SESSION, VISITOR));

    expect(ids).toEqual([expect.any(String), expect.any(String), null]);
    expect(problems).toEqual(["outbox_full"]);
    expect(client.outbox.map(({ message }) => message)).toEqual(["One", "Two"]);
  });

  it("is kept in memory where the storage refuses whatever is asked of it", async () => {
    const refuse = () => {
      throw new DOMException("no", "SecurityError");
    };
    const forbidden = { length: 1, key: refuse, getItem: refuse, setItem: refuse, removeItem: refuse };
    const { client, peer } = await following({ storage: forbidden });

    client.sendMessage("Hello", SESSION, VISITOR);

    expect((await peer.accept()).message).toBe("Hello");
    await until(() => !client.outbox.length, "the acknowledgement");
  });

  it("in a session that has ended is settled by the service, after a lost connection too", async () => {
    const { client, peer } = await following();
    client.sendMessage("Goodbye", SESSION, VISITOR);
    await peer.next("chat_message");
    peer.send(scripted.complete("Bye", "5.0", { complete: true }));
    await until(() => client.sessions[0]?.hasEnded === true, "the end");
    peer.drop();

    const again = await server.peer();
    const message = await again.next("chat_message"); // with nothing to join any more
    again.send(scripted.refusal(message, "session_not_active", "Session is not active"));

    await until(() => !client.outbox.length, "the refusal");
  });
});

describe("createSession()", () => {
  const view = { session_id: SESSION, visitor_id: VISITOR, cursor: "1.0", status: "active" };
  let asked: { url: string; body: unknown }[];

  /** The service's HTTP side, which answers once. */
  function answering(status: number, answer: string): void {
    asked = [];
    vi.stubGlobal("fetch", (url: string, { body }: { body: string }) => {
      asked.push({ url, body: JSON.parse(body) });
      return Promise.resolve(new Response(answer, { status }));
    });
  }

  it("starts a session, follows it, and forgets those that have ended", async () => {
    const OLD = "990e8400-e29b-41d4-a716-446655440000";
    const client = tab.load(server.url);
    client.follow(OLD, VISITOR);
    client.connect();
    const peer = await server.peer();
    await peer.join();
    peer.send({ ...scripted.complete("Bye", "5.0", { complete: true }), session_id: OLD });
    await until(() => client.sessions[0]?.hasEnded === true, "the end");
    answering(201, JSON.stringify(view));

    expect(await client.createSession({ metadata: { page: "/" } })).toEqual(view);

    expect(asked).toEqual([
      { url: `http://127.0.0.1:${server.port}/api/chats/sessions/`, body: { metadata: { page: "/" } } },
    ]);
    expect((await peer.join()).after).toBe("1.0");
    expect(client.sessions.map(({ session_id }) => session_id)).toEqual([SESSION]);
  });

  it.each([
    [429, JSON.stringify({ status: 429, title: "", detail: "Too many requests", code: "rate_limited" }), "rate_limited"],
    [200, "{}", "unreadable"],
    [404, "<html>", "unreadable"],
  ])("says why it couldn't, for %i", async (status, answer, code) => {
    answering(status, answer);

    await expect(tab.load(server.url).createSession()).rejects.toMatchObject({ code });
  });

  it.each([
    [429, "rate_limited"],
    [502, "unavailable"],
    [503, "unavailable"],
    [504, "unavailable"],
  ])("may be tried again where a proxy answers for the service, with %i", async (status, code) => {
    answering(status, "<html>");

    await expect(tab.load(server.url).createSession()).rejects.toMatchObject({ code, isPassing: true });
  });

  it("says so where there is no service", async () => {
    const client = tab.load("ws://127.0.0.1:1/ws/chat/");

    await expect(client.createSession()).rejects.toMatchObject({ code: "not_connected" });
    await expect(client.createSession({}, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("createSession() that gets no answer", () => {
  it.each([
    ["", "nothing"],
    ["HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{", "the beginning of an answer"],
  ])("%#: after $1 is given up, and may be tried again", async (first) => {
    const silent = await SilentServer.start(first);
    const client = tab.load(silent.url, { timing: { requestMs: 30 } });

    const error = await client.createSession({}, new AbortController().signal).catch((thrown: unknown) => thrown);
    await silent.stop();

    expect(error).toBeInstanceOf(ChatError);
    expect(error).toMatchObject({ code: "not_connected", message: "The service gave no answer within 30 ms", isPassing: true });
  });

  it("is given up at once by the page's signal", async () => {
    const silent = await SilentServer.start();
    const abort = new AbortController();
    const starting = tab.load(silent.url).createSession({}, abort.signal);
    await silent.reached(1);

    abort.abort();
    const late = tab.load(silent.url).createSession({}, abort.signal);

    await expect(starting).rejects.toMatchObject({ name: "AbortError" });
    await expect(late).rejects.toMatchObject({ name: "AbortError" });
    await silent.stop();
  });
});

describe("stop and feedback", () => {
  it("are done when the service has answered what came after them", async () => {
    const { client, peer } = await following();
    const done: string[] = [];
    void client.stop().then(() => done.push("stop"));
    void client.feedback(RESPONSE_ID, "up", "Good").then(() => done.push("feedback"));

    expect(await peer.next("stop")).toEqual({ type: "stop", session_id: SESSION, visitor_id: VISITOR });
    await peer.next("ping");
    const feedback = { type: "feedback", response_id: RESPONSE_ID, rating: "up", comment: "Good" };
    expect(await peer.next("feedback")).toEqual({ ...feedback, session_id: SESSION, visitor_id: VISITOR });
    await peer.next("ping");
    peer.send({ type: "pong" });
    await until(() => done.length === 1, "the first");
    expect(done).toEqual(["stop"]);
    peer.send({ type: "pong" });
    await until(() => done.length === 2, "the second");
  });

  it("that are refused say so, and the message after them isn't", async () => {
    const { client, peer } = await following();
    const rating = client.feedback(RESPONSE_ID, "down");
    await peer.next("feedback");
    await peer.next("ping");
    client.sendMessage("Hello", SESSION, VISITOR);
    const message = await peer.next("chat_message");

    peer.send(scripted.error("reply_not_found", "Reply not found"));
    peer.send({ type: "pong" });
    peer.send(scripted.accepted(message, 4));

    await expect(rating).rejects.toMatchObject({ code: "reply_not_found" });
    await until(() => !client.outbox.length, "the acknowledgement");
  });

  it("are lost with a connection, and only feedback is asked for a second time", async () => {
    const { client, peer } = await following();
    const [stop, feedback] = [client.stop(), client.feedback(RESPONSE_ID, "up")];
    await peer.next("stop");
    await peer.next("ping");
    await peer.next("feedback");
    peer.drop();

    await expect(stop).rejects.toMatchObject({ code: "lost" });
    const again = await server.peer();
    await again.join();
    await again.next("feedback");
    await again.next("ping");
    again.send({ type: "pong" });
    await feedback;
    expect(again.received.some(({ type }) => type === "stop")).toBe(false);
  });

  it("don't both wait for a connection: once there is one, a stop could meet a reply that nobody wanted to stop", async () => {
    const client = tab.load(server.url);
    const problems = problemsOf(client);
    client.follow(SESSION, VISITOR);
    const feedback = client.feedback(RESPONSE_ID, "up");
    const stops = [client.stop()];
    client.connect();
    const peer = await server.peer();
    await peer.next("join");
    stops.push(client.stop());

    for (const stop of stops) await expect(stop).rejects.toMatchObject({ code: "not_connected" });
    expect(problems).toEqual(["not_connected", "not_connected"]);
    peer.send(scripted.connected(SESSION, "1.0"));
    await peer.next("feedback");
    await peer.next("ping");
    peer.send({ type: "pong" });
    await feedback;
  });

  it("are refused by close(), and where there is no session", async () => {
    const client = tab.load(server.url);
    const problems = problemsOf(client);
    await expect(client.stop()).rejects.toMatchObject({ code: "session_not_found" });
    await expect(client.feedback("x", "up", "", SESSION)).rejects.toBeInstanceOf(ChatError);
    client.follow(SESSION, VISITOR);
    const feedback = client.feedback(RESPONSE_ID, "up");
    client.close();

    await expect(feedback).rejects.toMatchObject({ code: "closed" });
    expect(problems).toEqual(["session_not_found", "session_not_found"]);
  });
});

describe("for await", () => {
  it("gives out every frame, and ends with close()", async () => {
    const { client, peer } = await following();
    const frames = client.frames();
    peer.send(scripted.chunk("A ", "3.2"));
    peer.send({ type: "pong" });
    peer.send(scripted.complete("A", "4.0"));

    const types: string[] = [];
    for await (const frame of frames) {
      types.push(frame.type);
      if (frame.type === "complete") client.close();
    }

    expect(types).toEqual(["chunk", "complete"]);
  });

  it("tells a reader that falls too far behind, after what it had in its buffer", async () => {
    const { client, peer } = await following();
    const frames = client.frames(2);
    const words = wordsOf(client);
    for (const number of [1, 2, 3]) peer.send(scripted.chunk(`${number} `, `3.${number}`));
    await until(() => words.length === 3, "three words");

    const read: string[] = [];
    const reading = (async () => {
      for await (const frame of frames) if (frame.type === "chunk") read.push(frame.chunk);
    })();

    await expect(reading).rejects.toMatchObject({ code: "buffer_full" });
    expect(read).toEqual(["1 ", "2 "]);
  });

  it("throws why the client has failed, and stops listening when it is left", async () => {
    const { client, peer } = await following();
    const reading = client[Symbol.asyncIterator]().next();
    const left = client.frames();
    await left.return?.();
    peer.close(4403, "origin_not_allowed");

    await expect(reading).rejects.toMatchObject({ code: "origin_not_allowed" });
    expect(await left.next()).toEqual({ done: true, value: undefined });
  });

  it("ends with close(), though a listener connects again at once", async () => {
    const { client, peer } = await following();
    client.on("frame", () => {
      client.close();
      client.connect();
    });
    const frames = client.frames();
    peer.send(scripted.chunk("A ", "3.2"));

    expect((await frames.next()).value).toMatchObject({ chunk: "A " });
    expect((await frames.next()).done).toBe(true);
  });

  it("throws why the client has failed, though a listener connects again at once", async () => {
    const { client, peer } = await following();
    client.on("state", ({ state }) => state === "failed" && client.connect());
    const reading = client.frames().next();
    peer.close(4403, "origin_not_allowed");

    await expect(reading).rejects.toMatchObject({ code: "origin_not_allowed" });
  });

  it("begun too late ends at once: with close(), or with why the client has failed", async () => {
    const { client, peer } = await following();
    peer.close(4403, "origin_not_allowed");
    await reaches(client, "failed");
    await expect(client.frames().next()).rejects.toMatchObject({ code: "origin_not_allowed" });

    client.close();

    expect(await client.frames().next()).toEqual({ done: true, value: undefined });
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
