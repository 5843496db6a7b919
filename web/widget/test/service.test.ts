import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NOBODY, Service } from "../src/service.js";

const PAGE = "https://shop.example/basket";
const asked: IncomingMessage[] = [];
const answers: Record<string, unknown> = {
  "/api/chats/persona/": { name: "Alex", role: "A guide", greeting: "Hello", suggestions: ["Why?"], max_message_chars: 99, avatar: "/face" },
  "/foreign/api/chats/persona/": { name: "Alex", avatar: "https://elsewhere.example/pixel" },
  "/odd/api/chats/persona/": { name: 7, suggestions: "none", max_message_chars: -1, avatar: {} },
  "/api/chats/sessions/s1/": { cursor: "12.0" },
};
const server = createServer((request, response) => {
  asked.push(request);
  const answer = answers[request.url ?? ""];
  response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? { code: "not_found" }));
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

test("a service that doesn't introduce anybody, or isn't there, is nobody", async () => {
  expect(await new Service(`${base()}/none`, PAGE).persona()).toBe(NOBODY);
  expect(await new Service("http://127.0.0.1:1", PAGE).persona()).toBe(NOBODY);
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
