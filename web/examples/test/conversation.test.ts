import { afterEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { ScriptedServer, SESSION, VISITOR } from "../../client/test/support/scripted.js";
import { until } from "../../client/test/support/until.js";
import { Conversation } from "../conversation.js";

afterEach(() => vi.unstubAllGlobals());

it("a conversation is connected for as long as anybody looks at it, by one socket", async () => {
  vi.stubGlobal("WebSocket", WebSocket);
  const server = await ScriptedServer.start();
  const conversation = new Conversation(server.url);

  const leave = conversation.subscribe(() => undefined);
  const leaveToo = conversation.subscribe(() => undefined);
  await until(() => conversation.view().state === "open", "a connection");
  leave();
  expect(conversation.view().state).toBe("open");
  leaveToo();
  expect(conversation.view().state).toBe("closed");
  conversation.subscribe(() => undefined);
  await until(() => conversation.view().state === "open", "another connection");

  expect(server.peers).toHaveLength(2);
  await server.stop();
});

it("a conversation whose client has failed goes on with what is said next", async () => {
  vi.stubGlobal("WebSocket", WebSocket);
  vi.stubGlobal("fetch", () => {
    return Promise.resolve(Response.json({ session_id: SESSION, visitor_id: VISITOR, cursor: "1.0" }));
  });
  const server = await ScriptedServer.start();
  const conversation = new Conversation(server.url);
  const leave = conversation.subscribe(() => undefined);
  (await server.peer()).close(4410, "session_erased");
  await until(() => conversation.view().state === "failed", "the end");

  expect(await conversation.say("Hello")).toBe(true);

  const again = await server.peer();
  await again.join();
  expect((await again.accept()).message).toBe("Hello");
  leave();
  await server.stop();
});
