import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import WebSocket from "ws";
import { error, refusal as refusalOf, ScriptedServer } from "../../client/test/support/scripted.js";
import { TabStorage } from "../../client/test/support/tab.js";
import { until } from "../../client/test/support/until.js";
import { Conversation, type ConversationListener } from "../src/conversation.js";
import { Service } from "../src/service.js";
import type { Outgoing } from "../src/thread.js";
import { complete } from "./frames.js";

type Ids = NonNullable<ConstructorParameters<typeof Conversation>[2]>;

function idsOf(number: number): Ids {
  const id = `550e8400-e29b-41d4-a716-${String(number).padStart(12, "0")}`;
  return { session_id: id, visitor_id: id };
}

/** What the service answers to whoever wants to start a session. */
let refusal: [number, string] | undefined;
let asked = 0;
const server = createServer((request, response) => {
  asked += Number(request.method === "POST");
  const [status, code] = refusal ?? [201];
  const { session_id, visitor_id } = idsOf(1);
  response.writeHead(status).end(JSON.stringify(code ? { code, detail: "Not so" } : { session_id, visitor_id, cursor: "1.0" }));
});
const page = new EventTarget();
const listener = { changed: vi.fn(), framed: vi.fn<ConversationListener["framed"]>(), stateChanged: vi.fn(), joined: vi.fn(), barred: vi.fn() } satisfies ConversationListener;
const here = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const talk = (given?: Ids) => new Conversation(new Service(here(), "https://shop.example"), listener, given);
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
  before.send("Hello");
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
  conversation.send("Hello");
  conversation.send("Anybody?");
  await until(() => conversation.state === "failed", "a refusal");
  expect(conversation.failure?.code).toBe("origin_not_allowed");
  expect(conversation.thread.outgoing).toMatchObject([{ failure: { code: "origin_not_allowed" } }, { failure: {} }]);
  expect(listener.barred).toHaveBeenCalledTimes(1);
});

test("what was left behind isn't there after a reload", async () => {
  refusal = [503, "unavailable"];
  const conversation = talk();
  conversation.resume();
  conversation.send("Hello");
  await refused(conversation);
  conversation.startAgain();
  expect(talk().thread.outgoing).toEqual([]);
});

test("what can't be sent is still there after a reload, until it is sent once more or dismissed", async () => {
  refusal = [422, "invalid_request"];
  const before = talk();
  before.resume();
  before.send("one");
  before.send("two");
  await until(() => before.thread.outgoing.every(({ failure }) => failure), "refusals");

  const after = talk();
  after.resume();
  const [one, two] = after.thread.outgoing as [Outgoing, Outgoing];
  expect([one, two]).toMatchObject([{ text: "one", failure: { code: "invalid_request" } }, { text: "two" }]);
  expect(after.thread.alarm).toBeUndefined();
  await fetch(here());
  expect(asked).toBe(1);
  refusal = [503, "unavailable"];
  after.retry(one.key);
  after.withdraw(two.key);
  expect(talk().thread.outgoing).toEqual([{ key: expect.anything() as string, text: "one" }]);
  after.leave();
});

test("what a page says when it is told of the session comes after what has waited for it", async () => {
  refusal = undefined;
  vi.stubGlobal("WebSocket", WebSocket); // which finds no socket here, so that nothing is sent
  const conversation = talk();
  const said = ({ client }: Conversation) => client.outbox.map(({ message }) => message);
  listener.joined.mockImplementationOnce(() => {
    expect(said(conversation)).toEqual(["one", "two"]);
    conversation.send("three");
  });
  conversation.resume();
  conversation.send("one");
  conversation.send("two");
  await until(() => said(conversation).length === 3, "all to be the client's");
  expect(said(conversation)).toEqual(["one", "two", "three"]);
  expect(asked).toBe(1);
  conversation.leave();
  expect(said(talk())).toEqual(["one", "two", "three"]);
});

describe("a session that the page has given", () => {
  let socket: ScriptedServer;
  const taken = (ids?: Ids) => new Conversation(new Service(`http://127.0.0.1:${socket.port}`, "https://shop.example"), listener, ids);
  const followed = ({ client }: Conversation) => client.sessions.map(({ session_id }) => session_id);

  beforeEach(async () => {
    socket = await ScriptedServer.start();
    vi.stubGlobal("WebSocket", WebSocket);
  });
  afterEach(() => socket.stop());

  test("is the only one that is followed, whatever was given before", () => {
    taken(idsOf(1));
    taken(idsOf(2));
    expect(followed(taken(idsOf(3)))).toEqual([idsOf(3).session_id]);
  });

  test("is there again after a reload, with what isn't sent yet", () => {
    const before = taken(idsOf(1));
    before.resume();
    before.send("Hello");
    before.leave();
    const after = taken(idsOf(1));
    expect(followed(after)).toEqual([idsOf(1).session_id]);
    expect(after.thread.outgoing).toMatchObject([{ text: "Hello" }]);
  });

  test("isn't the tab's own on a page that gives none", () => {
    taken(idsOf(1));
    const conversation = taken();
    expect(conversation.hasSession).toBe(false);
    expect(followed(conversation)).toEqual([]);
  });

  test("isn't told of with what is said in others", async () => {
    const [mine, other] = [idsOf(1), idsOf(2)];
    const conversation = taken(mine);
    conversation.client.follow(other.session_id, other.visitor_id); // as a page may
    conversation.resume();
    const peer = await socket.peer();
    await peer.join();
    await peer.join();
    peer.send({ ...complete("Theirs"), session_id: other.session_id });
    peer.send({ ...complete("Mine"), session_id: mine.session_id });
    await until(() => conversation.thread.entries.length > 0, "a reply");
    const told = listener.framed.mock.calls.flatMap(([frame]) => (frame.type === "complete" ? [frame.message] : []));
    expect(told).toEqual(["Mine"]);
    conversation.leave();
  });

  test("leaves what came too late for it to the next one, also after a reload", async () => {
    const conversation = taken(idsOf(1));
    conversation.resume();
    conversation.send("Hello");
    const peer = await socket.peer();
    await peer.join();
    peer.send(refusalOf(await peer.next("chat_message"), "session_expired", "Session has expired"));
    await until(() => conversation.thread.end !== undefined, "the end");
    expect(taken(idsOf(1)).thread.outgoing).toMatchObject([{ text: "Hello", failure: { code: "session_expired" } }]);

    conversation.startAgain();
    for (const { thread } of [conversation, taken()]) {
      expect(thread).toMatchObject({ outgoing: [{ text: "Hello", failure: { code: "left_over" } }] });
      expect(thread.end).toBeUndefined();
    }
    conversation.leave();
  });

  test("that is there no more hasn't taken with it what was said in it", async () => {
    const conversation = taken(idsOf(1));
    conversation.resume();
    conversation.send("Hello");
    const peer = await socket.peer();
    await peer.next("join");
    peer.send(error("session_not_found", "Session not found", idsOf(1).session_id));
    await until(() => conversation.thread.outgoing.some(({ failure }) => failure), "a refusal");
    conversation.leave();
    expect(taken().thread.outgoing).toMatchObject([{ text: "Hello", failure: { code: "left_over" } }]);
  });
});
