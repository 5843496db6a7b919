import { describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import type { State, StateChange } from "../src/index.js";
import { following, problemsOf, replaceServer, server, tab, wordsOf } from "./support/scene.js";
import * as scripted from "./support/scripted.js";
import { ScriptedServer, SESSION, VISITOR } from "./support/scripted.js";
import { SilentServer } from "./support/silent.js";
import { reaches } from "./support/tab.js";
import { until } from "./support/until.js";

/** A `WebSocket` that a page's guards forbid so many times. */
function forbidden(times: number) {
  return class Forbidden extends WebSocket {
    static attempts = 0;

    constructor(url: string, protocols?: string[]) {
      if (Forbidden.attempts++ < times) throw new DOMException("no", "SecurityError");
      super(url, protocols);
    }
  };
}

describe("a client that is closed and connected in the same breath, as React's StrictMode has it", () => {
  it("opens one socket", async () => {
    const client = tab.load(server.url);
    client.connect();
    client.close();
    client.connect();

    await reaches(client, "open");
    expect(server.peers).toHaveLength(1);
  });
});

describe("a connection that is lost", () => {
  it("is made again where it was left, and no word comes twice", async () => {
    const { client, peer } = await following();
    const words = wordsOf(client);
    peer.send(scripted.chunk("A ", "3.2"));
    peer.send(scripted.chunk("novated ", "3.10"));
    await until(() => words.length === 2, "two words");
    peer.drop();

    const again = await server.peer();
    const join = await again.next("join");
    expect(join.after).toBe("3.10");
    again.send(scripted.connected(SESSION, "3.10"));
    again.send(scripted.chunk("novated ", "3.10"));
    again.send(scripted.chunk("lease ", "3.16"));
    again.send(scripted.chunk("is ", "4.19"));
    await until(() => words.includes("is "), "the rest");

    expect(words).toEqual(["A ", "novated ", "lease ", "is "]);
  });

  it("before anything was said is resumed at the place of the greeting", async () => {
    const { peer } = await following();
    peer.drop();

    expect((await (await server.peer()).join()).after).toBe("1.0");
  });

  it("is soon made again, however often it was lost, if it has held in between, though the clock is set back", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    let clock = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => (clock -= 1000));
    let { peer } = await following({ timing: { retryMs: 1, retryMostMs: 3_600_000 } });

    // If each were counted as one more failure, the last of these would be more than a day away.
    for (let times = 0; times < 28; times++) {
      peer.drop();
      peer = await server.peer();
      await peer.join();
    }
    vi.restoreAllMocks();
  });

  it("in the middle of resuming is resumed again, and messages wait meanwhile", async () => {
    const { client, peer } = await following();
    peer.drop();
    const second = await server.peer();
    await second.next("join");
    const id = client.sendMessage("Hello", SESSION, VISITOR);
    second.drop();

    const third = await server.peer();
    await third.join();

    expect((await third.accept()).client_message_id).toBe(id);
    expect(second.received.map(({ type }) => type)).toEqual(["join"]);
  });

  it("goes through the states that are documented, and no others", async () => {
    const client = tab.load(server.url);
    const changes: StateChange[] = [];
    client.on("state", (change) => changes.push(change));
    client.follow(SESSION, VISITOR);
    client.connect();
    const first = await server.peer();
    await first.join();
    await reaches(client, "open");
    first.close(1012, "restart");
    await (await server.peer()).join();
    await reaches(client, "open");
    client.close();
    client.connect();
    await (await server.peer()).join();
    await reaches(client, "open");

    const path = ["idle", "connecting", "resuming", "open", "offline", "resuming", "open", "closed", "connecting"];
    expect(changes.map(({ previous }) => previous)).toEqual([...path, "resuming"]);
    expect(changes.map(({ state }) => state)).toEqual([...path.slice(1), "resuming", "open"]);
  });

  it.each([1001, 1006, 1011, 1012, 1013])("with %i is made again by itself", async (code) => {
    const { client, peer } = await following();

    if (code === 1006) peer.drop();
    else peer.close(code);
    await (await server.peer()).join();

    await reaches(client, "open");
  });

  it.each([
    [4400, "invalid_request"],
    [4403, "origin_not_allowed"],
    [4404, "session_not_found"],
    [4429, "rate_limited"],
  ])("with %i isn't made again, and says why", async (code, reason) => {
    const { client, peer } = await following();
    const id = client.sendMessage("Hello", SESSION, VISITOR);
    await peer.next("chat_message");

    const isTold = code === 4429;
    peer.send({ ...scripted.error(isTold ? reason : "unavailable", "Too many"), session_id: undefined });
    peer.close(code, reason);
    await reaches(client, "failed");

    expect(client.failure, "not what was wrong before").toMatchObject({
      code: reason,
      message: isTold ? "Too many" : reason,
    });
    expect(client.outbox.map(({ client_message_id }) => client_message_id), "it may be sent yet").toEqual([id]);
    const problems = problemsOf(client);
    expect(client.sendMessage("More", SESSION, VISITOR)).toBeNull();
    expect(problems).toEqual([reason]);
    client.connect();
    const again = await server.peer();
    await again.join();
    expect((await again.accept()).client_message_id).toBe(id);
    expect(server.peers).toHaveLength(2);
  });

  it("because the visitor was erased leaves nothing of them behind", async () => {
    const { client, peer } = await following();
    client.sendMessage("Hello", SESSION, VISITOR);
    await peer.next("chat_message");
    const undelivered: string[] = [];
    client.on("undelivered", ({ error }) => undelivered.push(error.code));

    peer.send(scripted.error("session_erased", "This conversation has been erased"));
    peer.close(4410, "session_erased");
    await reaches(client, "failed");

    expect(undelivered).toEqual(["session_erased"]);
    expect(tab.storage.length).toBe(0);
    expect(client.sessions).toEqual([]);
  });

  it("because one visitor was erased is no loss for another one, who goes on with connect()", async () => {
    const { client, peer } = await following();
    const SECOND = "990e8400-e29b-41d4-a716-446655440000";
    const OTHERS = "aa0e8400-e29b-41d4-a716-446655440000";
    client.follow(SECOND, VISITOR);
    await peer.join();
    client.sendMessage("Hello", OTHERS, OTHERS);
    await peer.join("7.0");
    await peer.next("chat_message");
    const over: string[] = [];
    client.on("refused", ({ session_id }) => over.push(session_id));
    client.on("undelivered", ({ message }) => over.push(message.message));

    peer.send(scripted.error("session_erased", "This conversation has been erased"));
    peer.close(4410, "session_erased");
    await reaches(client, "failed");
    expect(over).toEqual([SESSION, SECOND]);
    client.connect();
    const again = await server.peer();

    expect(await again.join()).toMatchObject({ session_id: OTHERS, after: "7.0" });
    expect((await again.accept()).message).toBe("Hello");
  });

  it("is made again however often that fails, and once the service is there", async () => {
    const { client, peer } = await following();
    const losses: number[] = [];
    client.on("disconnect", ({ code }) => losses.push(code));
    const port = server.port;
    peer.drop();
    await server.stop();
    const problems = problemsOf(client);
    await until(() => losses.length > 5, "attempts");
    expect(client.state).toBe("offline");
    expect(problems, "told once").toEqual(["not_connected"]);
    expect(new Set(losses)).toEqual(new Set([1006]));

    replaceServer(await ScriptedServer.start(port));
    await (await server.peer()).join();

    await reaches(client, "open");
  });

  it.each(["online", "visibilitychange"])("is made again in its time, or at once when the browser says %s", async (event) => {
    const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
    vi.stubGlobal("window", page);
    vi.stubGlobal("document", page);
    vi.spyOn(Math, "random").mockReturnValue(1);
    const { client, peer } = await following({ timing: { retryMs: 3_600_000, retryMostMs: 3_600_000 } });
    peer.drop();
    await reaches(client, "offline");

    // Its next attempt is an hour away: had it been now, it would have come before this one.
    const other = tab.load(server.url, { storage: null }, client);
    other.connect();
    await server.peer();
    await reaches(other, "open");
    expect(server.peers).toHaveLength(2);
    page.dispatchEvent(new Event(event));
    const again = await server.peer();
    vi.restoreAllMocks();

    await again.join();
    await reaches(client, "open");
  });

  it("is made again at once when the network is back, though an attempt hangs, and not if it is closed by then", async () => {
    const page = new EventTarget();
    vi.stubGlobal("window", page);
    const silent = await SilentServer.start();
    const client = tab.load(silent.url, { timing: { retryMs: 3_600_000, retryMostMs: 3_600_000, connectMs: 3_600_000 } });
    const closed = tab.load(silent.url, {}, client);
    client.follow(SESSION, VISITOR);
    closed.on("disconnect", () => closed.close());
    for (const each of [client, closed]) each.connect();
    await silent.reached(2);

    await server.stop();
    replaceServer(await silent.replaced());
    page.dispatchEvent(new Event("online"));
    await (await server.peer()).join();
    await reaches(client, "open");

    expect([closed.state, server.peers.length]).toEqual(["closed", 1]);
  });

  it("in the middle of being closed is given up like any other", async () => {
    const sockets: WebSocket[] = [];
    class Watched extends WebSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    const { client, peer } = await following({ WebSocket: Watched });
    peer.socket.pause(); // it reads no more, and so never sees the end of it
    peer.close(1012);
    await until(() => sockets[0]?.readyState === WebSocket.CLOSING, "the end to begin");

    client.reconnect();
    await (await server.peer()).join();

    await reaches(client, "open");
  });

  it("that may not even be tried is told, and tried again", async () => {
    const client = tab.load(server.url, { WebSocket: forbidden(1) });
    const problems = problemsOf(client);
    client.connect();

    await server.peer();
    await reaches(client, "open");
    expect(problems).toEqual(["not_connected"]);
  });

  it("without anybody noticing is found out, and made again", async () => {
    const { client, peer } = await following({ timing: { quietMs: 20, answerMs: 20 } });
    peer.socket.removeAllListeners("message"); // it reads, and answers nothing

    await (await server.peer()).join();

    await reaches(client, "open");
    client.close();
  });

  it("isn't given up while its pings are answered", async () => {
    const { client, peer } = await following({ timing: { quietMs: 5, answerMs: 2_000 } });
    const states: State[] = [];
    client.on("state", ({ state }) => states.push(state));

    for (let times = 0; times < 5; times++) {
      await peer.next("ping");
      peer.send({ type: "pong" });
    }

    expect(states).toEqual([]);
    expect(server.peers).toHaveLength(1);
  });

  it("is made anew where joining is passed over by a later answer", async () => {
    const { client, peer } = await following();
    const OTHER = "990e8400-e29b-41d4-a716-446655440000";
    client.follow(OTHER, VISITOR);
    await peer.next("join");
    client.sendMessage("Hello", SESSION, VISITOR);
    await peer.accept();

    const again = await server.peer();
    await again.join();
    await again.join();

    expect((await again.accept()).message).toBe("Hello");
  });

  it.each(["unavailable", "rate_limited", "internal_error"])("is tried anew where joining is refused with %s", async (code) => {
    const client = tab.load(server.url);
    client.follow(SESSION, VISITOR);
    client.connect();
    const peer = await server.peer();
    await peer.next("join");

    peer.send(scripted.error(code, "Not now"));
    await (await server.peer()).join();

    await reaches(client, "open");
    expect(client.sessions).toHaveLength(1);
  });

  it("goes on at the present where the log has lost what its cursor names", async () => {
    const { client, peer } = await following();
    const words = wordsOf(client);
    peer.send(scripted.chunk("A ", "300.2"));
    await until(() => words.length === 1, "a word");
    peer.drop();

    const again = await server.peer();
    expect((await again.next("join")).after).toBe("300.2");
    again.send(scripted.error("invalid_request", "after is ahead of the session, which is at 7.0"));
    expect((await again.next("join")).after).toBeUndefined();
    again.send(scripted.connected(SESSION, "7.0"));
    again.send(scripted.chunk("new ", "8.4"));
    await until(() => words.length === 2, "a new word");

    expect(client.sessions[0]?.cursor).toBe("8.4");
  });
});

describe("close()", () => {
  it("stays closed, whenever it is called", async () => {
    const connecting = tab.load(server.url);
    connecting.connect();
    connecting.close();
    const { client, peer } = await following();
    client.close();
    await until(() => peer.socket.readyState === peer.socket.CLOSED, "the server to see it");
    const { client: offline, peer: other } = await following();
    other.drop();
    await reaches(offline, "offline");
    offline.close();

    // A later one connects: had one of the others been about to, it would have come first.
    const { client: last } = await following();

    expect([connecting.state, client.state, offline.state, last.state]).toEqual(["closed", "closed", "closed", "open"]);
    expect(server.peers).toHaveLength(3);
  });

  it("when told that it may not connect is the end of it", async () => {
    const Forbidden = forbidden(Infinity);
    const client = tab.load(server.url, { WebSocket: Forbidden, timing: { retryMs: 0 } });
    client.on("problem", () => client.close());
    client.connect();
    await reaches(client, "closed");

    // A later one connects: had the first been about to try again, it would have come first.
    await following();

    expect(Forbidden.attempts).toBe(1);
  });

  it("from a listener, in the middle of anything, is the end of it", async () => {
    for (const state of ["connecting", "resuming", "open", "offline"] as const) {
      const client = tab.load(server.url);
      client.follow(SESSION, VISITOR);
      client.on("state", (change) => change.state === state && client.close());
      client.connect();
      if (state !== "connecting") {
        const peer = await server.peer();
        if (state !== "resuming") await peer.join();
        if (state === "offline") peer.drop();
      }
      await reaches(client, "closed");
    }
  });

  it("is not what a listener wants that connects again: then it connects, and says so", async () => {
    const { client } = await following();
    const states: State[] = [];
    client.on("state", ({ state }) => states.push(state));
    client.setOnClose(() => {
      client.setOnClose(null);
      client.connect();
    });
    client.close();

    await (await server.peer()).join();
    await reaches(client, "open");
    expect(states).toEqual(["connecting", "resuming", "open"]);
  });

  it("when a session is refused is the end of it", async () => {
    const client = tab.load(server.url);
    client.follow(SESSION, VISITOR);
    client.on("refused", () => client.close());
    client.connect();
    const peer = await server.peer();
    await peer.next("join");
    peer.send(scripted.error("session_not_found", "Session not found"));
    await until(() => peer.socket.readyState === peer.socket.CLOSED, "the server to see it");

    expect(client.state).toBe("closed");
  });

  it("leaves the outbox as it is, for connect() to go on with", async () => {
    const { client, peer } = await following();
    const id = client.sendMessage("Hello", SESSION, VISITOR);
    await peer.next("chat_message");
    client.close();

    client.connect();
    const again = await server.peer();
    await again.join();

    expect((await again.accept()).client_message_id).toBe(id);
  });
});
