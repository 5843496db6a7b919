import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { TabStorage } from "../../client/test/support/tab.js";
import { until } from "../../client/test/support/until.js";
import { Conversation, type ConversationListener } from "../src/conversation.js";
import { Service } from "../src/service.js";

/** What the service answers to whoever wants to start a session. */
let refusal: [number, string];
let asked = 0;
const server = createServer((request, response) => {
  asked += Number(request.method === "POST");
  const [status, code] = refusal;
  response.writeHead(status).end(JSON.stringify({ code, detail: "Not so" }));
});
const page = new EventTarget();
const listener = { changed: vi.fn(), framed: vi.fn(), stateChanged: vi.fn(), joined: vi.fn(), barred: vi.fn() } satisfies ConversationListener;
const here = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const talk = () => new Conversation(new Service(here(), "https://shop.example"), listener);
const refused = (conversation: Conversation) => until(() => conversation.thread.alarm?.code === "unavailable", "a refusal");

beforeAll(() => new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready)));
afterAll(() => new Promise((closed) => server.close(closed)));
beforeEach(() => {
  vi.stubGlobal("WebSocket", vi.fn()); // without a session none is opened
  vi.stubGlobal("sessionStorage", new TabStorage());
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  asked = 0;
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

test("a first message waits for its session, over a reload as well, and for nobody who has left", async () => {
  refusal = [503, "unavailable"];
  const before = talk();
  before.resume();
  void before.send("Hello");
  await refused(before);
  expect(before.state).toBe("connecting");
  before.leave();
  expect(before.state).toBe("closed");
  page.dispatchEvent(new Event("online"));
  await fetch(here());
  expect(asked).toBe(1);

  const after = talk();
  expect(after.thread.outgoing).toMatchObject([{ text: "Hello" }]);
  after.resume();
  await until(() => asked === 2, "another attempt");
  after.leave();
});

test("where the service lets nobody in from this page, it has failed for good, and says so once", async () => {
  refusal = [403, "origin_not_allowed"];
  const conversation = talk();
  conversation.resume();
  await Promise.all([conversation.send("Hello"), conversation.send("Anybody?")]);
  expect(conversation.state).toBe("failed");
  expect(conversation.failure?.code).toBe("origin_not_allowed");
  expect(conversation.thread.outgoing).toMatchObject([{ failure: { code: "origin_not_allowed" } }, { failure: {} }]);
  expect(listener.barred).toHaveBeenCalledTimes(1);
});

test("what was left behind isn't there after a reload", async () => {
  refusal = [503, "unavailable"];
  const conversation = talk();
  conversation.resume();
  void conversation.send("Hello");
  await refused(conversation);
  conversation.startAgain();
  expect(talk().thread.outgoing).toEqual([]);
});
