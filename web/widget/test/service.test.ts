import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { NOBODY, Service } from "../src/service.js";

const PAGE = "https://shop.example/basket";
const asked: IncomingMessage[] = [];
const answers: Record<string, unknown> = {
  "/api/chats/persona/": { name: "Alex", role: "A guide", greeting: "Hello", suggestions: ["Why?"], max_message_chars: 99, avatar: "/face" },
  "/foreign/api/chats/persona/": { name: "Alex", avatar: "https://elsewhere.example/pixel" },
  "/odd/api/chats/persona/": { name: 7, suggestions: "none", max_message_chars: -1, avatar: {} },
  "/api/chats/sessions/s1/": { cursor: "12.0" },
};
const refusals: Record<string, [number, string]> = {
  "/shop/api/chats/persona/": [403, JSON.stringify({ code: "origin_not_allowed", detail: "Not from there" })],
  "/proxy/api/chats/persona/": [502, "<h1>Bad gateway</h1>"],
};
const server = createServer((request, response) => {
  asked.push(request);
  const answer = answers[request.url ?? ""];
  const [status, body] = refusals[request.url ?? ""] ?? [404, JSON.stringify({ code: "not_found" })];
  response.writeHead(answer === undefined ? status : 200).end(answer === undefined ? body : JSON.stringify(answer));
});
const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeAll(() => new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready)));
afterAll(() => new Promise((closed) => server.close(closed)));

test("who answers is introduced by the service", async () => {
  expect(await new Service(base(), PAGE).persona()).toEqual({
    name: "Alex",
    role: "A guide",
    greeting: "Hello",
    suggestions: ["Why?"],
    avatar: `${base()}/face`,
    maxMessageChars: 99,
  });
});

test("a picture from elsewhere isn't shown: nothing is asked of anybody else", async () => {
  expect(await new Service(`${base()}/foreign/`, PAGE).persona()).toMatchObject({ name: "Alex", avatar: "" });
});

test("what isn't as it should be is left out", async () => {
  expect(await new Service(`${base()}/odd`, PAGE).persona()).toEqual(NOBODY);
});

test("who answers isn't known where nobody says it, and the code tells whether to ask again", async () => {
  const refusal = (path: string) => new Service(path, PAGE).persona().catch((error: unknown) => error);
  expect(await refusal(`${base()}/none`)).toMatchObject({ code: "not_found" });
  expect(await refusal(`${base()}/shop`)).toMatchObject({ code: "origin_not_allowed", message: "Not from there" });
  expect(await refusal(`${base()}/proxy`)).toMatchObject({ code: "unavailable" });
  expect(await refusal("http://127.0.0.1:1")).toMatchObject({ code: "not_connected" });
});

test("an answer that doesn't come is given up", async () => {
  const patience = vi.spyOn(AbortSignal, "timeout").mockReturnValue(AbortSignal.abort());
  await expect(new Service(base(), PAGE).persona()).rejects.toMatchObject({ code: "not_connected" });
  expect(await new Service(base(), PAGE).cursorOf("s1", "v1")).toBeUndefined();
  expect(patience).toHaveBeenCalledWith(5_000);
  patience.mockRestore();
});

test("how far a session has come is told to its visitor alone", async () => {
  expect(await new Service(base(), PAGE).cursorOf("s1", "v1")).toBe("12.0");
  expect(asked.at(-1)?.headers["x-visitor-id"]).toBe("v1");
  expect(await new Service(base(), PAGE).cursorOf("s2", "v1")).toBeUndefined();
});

test("the socket is where the service is, under its path as well", () => {
  expect(new Service("https://chat.example", PAGE).socket).toBe("wss://chat.example/ws/chat/");
  expect(new Service("http://localhost:8000/chat/", PAGE).socket).toBe("ws://localhost:8000/chat/ws/chat/");
  expect(new Service("/", PAGE).socket).toBe("wss://shop.example/ws/chat/");
});
