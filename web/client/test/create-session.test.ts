import { describe, expect, it, vi } from "vitest";
import { ChatError } from "../src/index.js";
import { server, tab } from "./support/scene.js";
import * as scripted from "./support/scripted.js";
import { SESSION, VISITOR } from "./support/scripted.js";
import { SilentServer } from "./support/silent.js";
import { until } from "./support/until.js";

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
