import { afterEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { ScriptedServer } from "../../client/test/support/scripted.js";
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
