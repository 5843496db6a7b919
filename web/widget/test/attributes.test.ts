import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { serviceIn, sessionIn } from "../src/attributes.js";

const ID = "550e8400-e29b-41d4-a716-446655440000";
const HOME = "https://chat.example";
const said = vi.spyOn(console, "error").mockReturnValue();

beforeEach(() => vi.stubGlobal("document", { baseURI: "https://shop.example/basket" }));
afterEach(() => {
  vi.unstubAllGlobals();
  said.mockClear();
});

test.each([
  ["", "wss://chat.example/ws/chat/"],
  ["https://other.example/chat", "wss://other.example/chat/ws/chat/"],
  ["//other.example", "wss://other.example/ws/chat/"],
  ["/chat", "wss://shop.example/chat/ws/chat/"],
])("the service %j is the one at %s", (given, socket) => {
  expect(serviceIn(given, HOME).socket).toBe(socket);
  expect(said).not.toHaveBeenCalled();
});

test.each(["https://", "127.0.0.1:8123", "localhost:8123", "chat.example", "ftp://chat.example"])(
  "the service %j is a mistake, which is told, and then it is the one at home",
  (given) => {
    expect(serviceIn(given, HOME).socket).toBe("wss://chat.example/ws/chat/");
    expect(said.mock.calls).toEqual([[expect.stringContaining(`service="${given}"`)]]);
    expect(said.mock.calls).toEqual([[expect.stringContaining("such as https://chat.example")]]);
  },
);

test("a session is two ids, or none", () => {
  expect(sessionIn("", "")).toBeUndefined();
  expect(sessionIn(ID, ID.replaceAll("-", "").toUpperCase())).toBeDefined();
  expect(said).not.toHaveBeenCalled();
});

test.each([
  ["nope", ID, 'session-id="nope"'],
  [ID, "nope", 'visitor-id="nope"'],
  [ID, "", 'visitor-id=""'],
])("the session %j of %j is a mistake, which is told, and then it is none", (session_id, visitor_id, told) => {
  expect(sessionIn(session_id, visitor_id)).toBeUndefined();
  expect(said.mock.calls).toEqual([[expect.stringContaining(told)]]);
});
