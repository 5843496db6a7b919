import { ChatError } from "@verbatim/chat-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { retry } from "../src/retry.js";

const page = new EventTarget();
const offline = () => new ChatError("The service can't be reached", "not_connected");

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  vi.stubGlobal("document", { visibilityState: "visible" });
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Fails so many times, and then is done. */
function failing(times: number, error = offline()) {
  return vi.fn(() => (times-- > 0 ? Promise.reject(error) : Promise.resolve("done")));
}

test("what fails for now is tried until it is done, and each failure is told", async () => {
  const [attempt, failed] = [failing(5), vi.fn()];
  const done = retry(attempt, failed, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(1_000 + 2_000 + 4_000 + 8_000 + 16_000);
  await expect(done).resolves.toBe("done");
  expect(attempt).toHaveBeenCalledTimes(6);
  expect(failed).toHaveBeenCalledTimes(5);
});

test.each(["online", "visibilitychange"])("when the network is back, or somebody looks (%s), nothing is waited for", async (event) => {
  const attempt = failing(1);
  const done = retry(attempt, () => undefined, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(1);
  page.dispatchEvent(new Event(event));
  await expect(done).resolves.toBe("done");
  expect(vi.getTimerCount()).toBe(0);
});

test("whoever goes away is waited for", async () => {
  void retry(failing(1), () => undefined, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(0);
  vi.stubGlobal("document", { visibilityState: "hidden" });
  page.dispatchEvent(new Event("visibilitychange"));
  expect(vi.getTimerCount()).toBe(1);
});

test("what fails for good is tried once", async () => {
  const attempt = failing(9, new ChatError("Not from here", "origin_not_allowed"));
  await expect(retry(attempt, () => undefined, new AbortController().signal)).rejects.toThrow("Not from here");
  expect(attempt).toHaveBeenCalledTimes(1);
});

test("what isn't wanted any more is given up", async () => {
  const [attempt, giveUp] = [failing(9), new AbortController()];
  const done = retry(attempt, () => undefined, giveUp.signal);
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(1);
  giveUp.abort();
  await expect(done).rejects.toThrow(DOMException);
  expect(vi.getTimerCount()).toBe(0);
  expect(attempt).toHaveBeenCalledTimes(1);
});

test("what is given up while it is being tried is tried no more, and nobody is told that it failed", async () => {
  const [giveUp, failed] = [new AbortController(), vi.fn()];
  const attempt = vi.fn(() => {
    giveUp.abort();
    return Promise.reject(offline());
  });
  await expect(retry(attempt, failed, giveUp.signal)).rejects.toThrow(DOMException);
  expect(attempt).toHaveBeenCalledTimes(1);
  expect(failed).not.toHaveBeenCalled();
});
