import { describe, expect, it, vi } from "vitest";
import { ChatError } from "../src/index.js";
import { following, problemsOf, server, tab } from "./support/scene.js";
import * as scripted from "./support/scripted.js";
import { MESSAGE_ID, RESPONSE_ID, SESSION, VISITOR } from "./support/scripted.js";
import { until } from "./support/until.js";

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
