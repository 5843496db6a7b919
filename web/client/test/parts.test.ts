import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { addressesOf } from "../src/addresses.js";
import { Backoff } from "../src/backoff.js";
import { isAfter } from "../src/cursors.js";
import { LIMITS } from "../src/frames.js";
import { newId, validId } from "../src/ids.js";
import { settingsOf, TIMING, type ChatOptions } from "../src/options.js";
import { Bucket, PACE } from "../src/pace.js";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("a cursor", () => {
  const place = fc.record({ version: fc.nat(), offset: fc.nat() });

  it("is compared by version and then by offset, as numbers", () => {
    fc.assert(
      fc.property(place, place, (one, other) => {
        const later = one.version !== other.version ? one.version > other.version : one.offset > other.offset;
        expect(isAfter(`${one.version}.${one.offset}`, `${other.version}.${other.offset}`)).toBe(later);
      }),
    );
    expect(isAfter("10.0", "9.5")).toBe(true);
    expect(isAfter("12", "12.0")).toBe(false);
  });
});

describe("backoff", () => {
  it("waits for anything from nothing to twice as long each time, up to the most, and begins anew after a success", () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(1);
    const backoff = new Backoff(1000, 5000);
    expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([1000, 2000, 4000, 5000, 5000]);
    for (let times = 0; times < 2000; times++) backoff.next();
    expect(backoff.next()).toBe(5000);
    random.mockReturnValue(0.25);
    expect(backoff.next()).toBe(1250);
    backoff.reset();
    expect(backoff.next()).toBe(250);
  });
});

describe("the pace", () => {
  it("never lets more messages go in any minute than the service takes", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 40, maxLength: 120 }), (gaps) => {
        const bucket = new Bucket(PACE, 0);
        const sent: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          now += Math.ceil(bucket.wait(now));
          bucket.take(now);
          sent.push(now);
        }
        for (const at of sent) {
          expect(sent.filter((time) => time > at - 60_000 && time <= at).length).toBeLessThanOrEqual(LIMITS.messagesPerMinute);
        }
      }),
    );
  });
});

describe("options", () => {
  it("that are undefined are as if they weren't there", () => {
    vi.stubGlobal("WebSocket", WebSocket);
    const given = { WebSocket: undefined, storage: null, pace: undefined, maxQueued: 5, timing: { retryMs: undefined, quietMs: 7 } };

    expect(settingsOf(given as unknown as ChatOptions)).toEqual({
      ...settingsOf({}),
      storage: null,
      maxQueued: 5,
      timing: { ...TIMING, quietMs: 7 },
    });
  });
});

describe("addresses", () => {
  it.each([
    ["ws://localhost:8000/ws/chat/", "ws://localhost:8000/ws/chat/", "http://localhost:8000/api/chats/sessions/"],
    ["wss://a.example/ws/chat", "wss://a.example/ws/chat", "https://a.example/api/chats/sessions/"],
    ["https://a.example/chat/ws/chat/?x=1", "wss://a.example/chat/ws/chat/", "https://a.example/chat/api/chats/sessions/"],
  ])("of %s", (given, socket, sessions) => {
    expect(addressesOf(given)).toEqual({ socket, sessions });
  });

  it("are those of the page where it names none, and safe on a page that is", () => {
    vi.stubGlobal("location", new URL("https://shop.example/help"));
    expect(addressesOf("/ws/chat/").socket).toBe("wss://shop.example/ws/chat/");
    expect(addressesOf("ws://chat.example/ws/chat/").socket).toBe("wss://chat.example/ws/chat/");
  });

  it("must be URLs", () => {
    expect(() => addressesOf("nonsense")).toThrow(TypeError);
  });
});

describe("ids", () => {
  it("are taken as the service takes them, and given as frames have them", () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(validId("id", id.toUpperCase().replaceAll("-", ""))).toBe(id);
      }),
    );
    for (const wrong of ["", "x", "550e8400-e29b-41d4-a716-44665544000", "g50e8400-e29b-41d4-a716-446655440000"]) {
      expect(() => validId("session_id", wrong)).toThrow("session_id must be a UUID");
    }
  });

  it("are made also where `randomUUID` isn't there", () => {
    const { crypto } = globalThis;
    vi.stubGlobal("crypto", { getRandomValues: (into: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(into) });
    const ids = Array.from({ length: 100 }, newId);
    expect(new Set(ids).size).toBe(100);
    expect(ids.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true);
  });
});
