import type { ServerFrame } from "@verbatim/chat-client";
import { describe, expect, test } from "vitest";
import { EMPTY, isAwaited, leftOver, openReply, reduce, type Happening, type Reply, type Thread } from "../src/thread.js";
import { brokenOff, chunk, complete, idleWarning, message, refusal, sessionEnd, stopped } from "./frames.js";

const NOON = 1_700_000_000_000;
const fold = (thread: Thread, ...happenings: Happening[]) => happenings.reduce(reduce, thread);
const live = (frame: ServerFrame): Happening => ({ type: "frame", frame, at: NOON });
const past = (frame: ServerFrame): Happening => ({ type: "frame", frame });
const failure = (code: string) => ({ code, text: `${code} it is` });
const queued = (key: string, text: string): Happening => ({ type: "queued", key, text });
const undelivered = (key: string, code: string): Happening => ({ type: "undelivered", key, failure: failure(code) });
const replies = (thread: Thread) => thread.entries.filter((entry): entry is Reply => entry.kind === "reply");
const seen = (thread: Thread) => thread.entries.map(({ kind, text }) => [kind, text]);

const ASKED = fold(EMPTY, live(message("What is it?")));

describe("a reply", () => {
  test("grows word by word, and is whole when it is complete", () => {
    const spoken = fold(ASKED, live(chunk("It ")), live(chunk("is ")));
    expect(openReply(spoken)).toMatchObject({ text: "It is ", outcome: "open" });
    const whole = fold(spoken, live(chunk("this.")), live(complete("It is this.", { suggestions: ["And that?"] })));
    expect(openReply(whole)).toBeUndefined();
    expect(replies(whole)).toMatchObject([{ text: "It is this.", outcome: "whole", responseId: "r-m1" }]);
    expect(whole.suggestions).toEqual(["And that?"]);
  });

  test("leaves every other entry the very object that it was", () => {
    const first = fold(ASKED, live(complete("This.")), live(message("And that?", "m2")));
    const next = fold(first, live(chunk("That ", "m2")), live(chunk("is.", "m2")));
    expect(next.entries.slice(0, 3).every((entry, index) => entry === first.entries[index])).toBe(true);
  });

  test("is the same node from its first word to its end", () => {
    const spoken = fold(ASKED, live(chunk("It ")));
    const whole = fold(spoken, live(complete("It.")));
    expect(whole.entries.map(({ key }) => key)).toEqual(spoken.entries.map(({ key }) => key));
  });

  test("is awaited from the question to the first word", () => {
    expect(isAwaited(EMPTY)).toBe(false);
    expect(isAwaited(ASKED)).toBe(true);
    expect(isAwaited(fold(ASKED, live(chunk("It "))))).toBe(false);
    expect(isAwaited(fold(ASKED, live(complete(""))))).toBe(false);
    const interrupted = fold(ASKED, live(chunk("It ")), live(brokenOff("reply_interrupted")));
    expect(isAwaited(interrupted)).toBe(true);
    expect(isAwaited(fold(interrupted, live(chunk("It "))))).toBe(false);
  });

  test("is awaited for each of several questions", () => {
    const both = fold(ASKED, live(message("And that?", "m2")), live(complete("This.")));
    expect(isAwaited(both)).toBe(true);
    expect(isAwaited(fold(both, live(complete("That.", {}, "m2"))))).toBe(false);
    expect(isAwaited(fold(both, live(brokenOff("reply_failed", "m2"))))).toBe(false);
  });

  test("goes on where it is when something else is asked meanwhile", () => {
    const thread = fold(ASKED, live(chunk("It ")), live(message("And that?", "m2")), live(chunk("is.")));
    expect(seen(thread)).toEqual([["said", "What is it?"], ["reply", "It is."], ["said", "And that?"]]);
    expect(isAwaited(thread)).toBe(false);
    expect(isAwaited(fold(thread, live(complete("It is."))))).toBe(true);
  });

  test("that was stopped says so and can be rated", () => {
    const thread = fold(ASKED, live(chunk("It ")), live(stopped("It ")));
    expect(replies(thread)).toMatchObject([{ text: "It ", outcome: "stopped", responseId: "r-m1" }]);
  });

  test("that broke off keeps what was said, and the failure is spoken at its place", () => {
    const thread = fold(ASKED, live(chunk("It ")), live(brokenOff("reply_failed")));
    expect(replies(thread)).toMatchObject([{ text: "It ", outcome: "failed" }]);
    expect(thread.alarm).toMatchObject({ code: "reply_failed", isShown: true });
  });

  test("that was interrupted stays, and is begun again below", () => {
    const thread = fold(ASKED, live(chunk("It ")), live(brokenOff("reply_interrupted")), live(chunk("It ")), live(chunk("is.")));
    expect(replies(thread)).toMatchObject([{ text: "It ", outcome: "interrupted" }, { text: "It is.", outcome: "open" }]);
  });

  test("that broke off before its first word is there, too", () => {
    expect(replies(fold(ASKED, live(brokenOff("reply_failed"))))).toMatchObject([{ text: "", outcome: "failed" }]);
  });

  test("that was rated before a reload still is", () => {
    const again = fold(EMPTY, past(message("What?")), { type: "frame", frame: complete("This."), rating: "down" });
    expect(replies(again)).toMatchObject([{ text: "This.", rating: "down" }]);
  });

  test("is rated, and unrated when the service refuses", () => {
    const whole = fold(ASKED, live(complete("This.")));
    const { key } = replies(whole)[0] as Reply;
    const rated = fold(whole, { type: "rated", key, rating: "up" });
    expect(replies(rated)).toMatchObject([{ rating: "up" }]);
    expect(replies(fold(rated, { type: "rated", key, rating: undefined }))[0]?.rating).toBeUndefined();
  });
});

describe("what is news", () => {
  test("is a finished reply, not its words", () => {
    expect(fold(ASKED, live(chunk("It ")), live(chunk("is."))).news).toEqual([]);
    expect(fold(ASKED, live(chunk("It ")), live(complete("It is."))).news).toEqual([{ text: "It is." }]);
  });

  test("is each of several, until the visitor says something", () => {
    const both = fold(ASKED, live(message("And?", "m2")), live(complete("This.")), live(message("So?", "m3")), live(complete("That.", {}, "m2")));
    expect(both.news).toEqual([{ text: "This." }, { text: "That." }]);
    expect(fold(both, queued("k4", "Ah")).news).toEqual([]);
  });

  test("is nothing that was said in the past", () => {
    const frames = [message("What?"), chunk("It "), complete("It is."), idleWarning("Still there?"), sessionEnd("idle_timeout", "Bye")];
    const thread = fold(EMPTY, ...frames.map(past));
    expect(thread.news).toEqual([]);
    expect(thread.entries.some((entry) => "at" in entry)).toBe(false);
  });

  test("is old when something is said: the same reply again is news again", () => {
    const once = fold(ASKED, live(complete("Yes.")));
    const again = fold(once, queued("k2", "Sure?"));
    expect(again.news).toEqual([]);
    expect(fold(again, live(message("Sure?", "m2")), live(complete("Yes.", {}, "m2"))).news).toEqual([{ text: "Yes." }]);
  });

  test("the past is folded to what was seen live", () => {
    const frames = [message("What?"), chunk("It "), brokenOff("reply_interrupted"), chunk("It "), complete("It is.", { suggestions: ["So?"] })];
    const [before, after] = [fold(EMPTY, ...frames.map(live)), fold(EMPTY, ...frames.map(past))];
    expect({ ...after, news: [], alarm: undefined }).toEqual({ ...before, news: [], alarm: undefined });
  });
});

describe("a message of the visitor's", () => {
  test("waits below all, and takes its place when it is on the record", () => {
    const waiting = fold(ASKED, live(chunk("It ")), queued("k2", "And?"), queued("k3", "So?"));
    expect(waiting.outgoing.map(({ text }) => text)).toEqual(["And?", "So?"]);
    const recorded = fold(waiting, live(message("And?", "m2", "k2")));
    expect(recorded.entries.at(-1)).toMatchObject({ kind: "said", key: "k2", text: "And?" });
    expect(recorded.outgoing.map(({ key }) => key)).toEqual(["k3"]);
  });

  test("from another tab is shown as well", () => {
    expect(fold(EMPTY, live(message("From there", "m9", "theirs"))).entries).toMatchObject([{ kind: "said", text: "From there" }]);
  });

  test("takes the suggestions away", () => {
    const offered = fold(ASKED, live(complete("This.", { suggestions: ["And?"] })));
    expect(fold(offered, queued("k2", "No")).suggestions).toEqual([]);
  });

  test("that is refused stays with its reason, which the thread tells once", () => {
    const refused = fold(EMPTY, queued("k1", "Hello"), undelivered("k1", "conflict"));
    expect(refused.outgoing).toMatchObject([{ key: "k1", failure: { code: "conflict" } }]);
    expect(refused.alarm).toMatchObject({ code: "conflict", isShown: true });
    expect(fold(refused, { type: "problem", failure: failure("conflict") })).toBe(refused);
    expect(fold(refused, { type: "withdrawn", key: "k1" }).outgoing).toEqual([]);
  });

  test.each(["session_not_found", "session_not_active", "session_expired", "session_erased", "session_full", "visitor_mismatch"])(
    "that is refused by %s ends the conversation",
    (code) => expect(fold(ASKED, queued("k2", "Hello?"), undelivered("k2", code)).end).toEqual(failure(code)),
  );
});

describe("the end", () => {
  test("comes with the last reply", () => {
    const thread = fold(ASKED, live(complete("Bye!", { complete: true, suggestions: ["More?"] })));
    expect(thread.end?.code).toBe("completed");
    expect(thread.suggestions).toEqual([]);
  });

  test("comes after a warning, and both are shown as what they are", () => {
    const warned = fold(ASKED, live(complete("This.")), live(idleWarning("Still there?")));
    expect(warned.entries.at(-1)).toMatchObject({ kind: "notice", about: "idle_warning", at: NOON });
    expect(warned.news.at(-1)).toEqual({ text: "Still there?" });
    const over = fold(warned, live(sessionEnd("idle_timeout", "Bye for now")));
    expect(over.entries.at(-1)).toMatchObject({ kind: "notice", about: "session_end", text: "Bye for now" });
    expect(over.end?.code).toBe("idle_timeout");
  });

  test("may come without a word", () => {
    const over = fold(ASKED, live(sessionEnd("deleted")));
    expect(over.entries).toEqual(ASKED.entries);
    expect(over.end?.code).toBe("deleted");
    expect(isAwaited(over)).toBe(false);
  });

  test("keeps its first reason", () => {
    const over = fold(ASKED, live(sessionEnd("idle_timeout", "Bye")), undelivered("none", "session_not_active"));
    expect(over.end?.code).toBe("idle_timeout");
  });

  test("leaves over what couldn't be said any more, each with why it wasn't sent", () => {
    const waiting = fold(ASKED, queued("k2", "And?"), queued("k3", "So?"), queued("k4", "Then?"));
    const over = fold(waiting, undelivered("k2", "conflict"), undelivered("k3", "session_expired"));
    const codes = [["And?", "conflict"], ["So?", "left_over"], ["Then?", "left_over"]];
    expect(leftOver(over).outgoing.map(({ text, failure }) => [text, failure?.code])).toEqual(codes);
    expect({ ...leftOver(over), outgoing: [] }).toEqual(EMPTY);
  });

  test("comes when a conversation can't be followed any more, unless nothing of it was seen", () => {
    const refused: Happening = { type: "refused", failure: failure("session_not_found") };
    expect(fold(ASKED, refused).end).toEqual(failure("session_not_found"));
    expect(fold(EMPTY, refused)).toBe(EMPTY);
  });
});

describe("what doesn't work", () => {
  test("and has no place of its own is shown until it is dismissed, or something is said", () => {
    const told = fold(ASKED, { type: "problem", failure: failure("rate_limited") });
    expect(told.alarm).toMatchObject({ code: "rate_limited", isShown: false });
    const dismissed = fold(told, { type: "dismissed" });
    expect(dismissed.alarm).toBeUndefined();
    expect(fold(dismissed, { type: "problem", failure: failure("rate_limited") }).alarm).toBeUndefined();
    expect(fold(dismissed, { type: "problem", failure: failure("unavailable") }).alarm).toMatchObject({ code: "unavailable" });
    expect(fold(dismissed, queued("k2", "And?"), { type: "problem", failure: failure("rate_limited") }).alarm).toBeDefined();
    expect(fold(told, live(message("Now", "m2"))).alarm).toBeUndefined();
  });

  test("and was refused to a connection is over with the next one that holds, dismissed or not", () => {
    const told: Happening = { type: "problem", failure: failure("unavailable") };
    const open: Happening = { type: "open" };
    expect(fold(ASKED, told, open).alarm).toBeUndefined();
    expect(fold(ASKED, told, { type: "dismissed" }, open, told).alarm).toMatchObject({ code: "unavailable" });
    expect(fold(ASKED, open)).toBe(ASKED);
  });

  test("and is but the connection is told by its state alone, which ends when it is back", () => {
    expect(fold(ASKED, { type: "problem", failure: failure("not_connected") })).toBe(ASKED);
  });

  test("answers to the client change nothing", () => {
    const base = { done: false, complete: false };
    const frames: ServerFrame[] = [refusal("rate_limited"), { ...base, type: "pong" }, { ...base, type: "connected", metadata: { status: "connected" } }];
    expect(fold(ASKED, ...frames.map(live))).toBe(ASKED);
  });
});
