import { describe, expect, it } from "vitest";
import { following, server, tab, wordsOf } from "./support/scene.js";
import * as scripted from "./support/scripted.js";
import { SESSION, VISITOR } from "./support/scripted.js";
import { reaches } from "./support/tab.js";
import { until } from "./support/until.js";

describe("after a reload", () => {
  it("what this tab was given doesn't come again", async () => {
    const { client, peer } = await following();
    const words = wordsOf(client);
    peer.send(scripted.chunk("A ", "3.2"));
    await until(() => words.length === 1, "a word");

    const reloaded = tab.load(server.url);
    expect(reloaded.sessions[0]).toMatchObject({ session_id: SESSION, visitor_id: VISITOR, cursor: "3.2" });
    reloaded.connect();

    expect((await (await server.peer()).join()).after).toBe("3.2");
  });

  it("all comes again for a page that asks for it, and nothing is kept of where it was", async () => {
    const { client, peer } = await following({ history: "all" });
    expect(peer.received[0]).toMatchObject({ after: "0.0" });
    const kept = [...tab.storage.entries];
    const words = wordsOf(client);
    peer.send(scripted.chunk("A ", "3.2"));
    await until(() => words.length === 1, "a word");
    expect([...tab.storage.entries]).toEqual(kept);

    const reloaded = tab.load(server.url, { history: "all" });
    const wordsAgain = wordsOf(reloaded);
    reloaded.connect();
    const again = await server.peer();
    expect((await again.join()).after).toBe("0.0");
    again.send(scripted.chunk("A ", "3.2"));
    await until(() => wordsAgain.length === 1, "the word again");
  });

  it("a conversation that has ended comes again only for a page that asks for all", async () => {
    for (const history of ["unseen", "all"] as const) {
      const { client, peer } = await following({ history });
      peer.send(scripted.complete("Bye", "5.0", { complete: true }));
      await until(() => client.sessions[0]?.hasEnded === true, "the end");

      expect(tab.load(server.url, { history }).sessions.length).toBe(history === "all" ? 1 : 0);
    }
  });

  it("sessions and messages are in the order in which they came, whatever order the storage has", async () => {
    const ids = ["c", "a", "b"].map((digit) => digit.repeat(8) + SESSION.slice(8));
    for (const id of ids) tab.load(server.url).sendMessage(`In ${id}`, id, VISITOR);

    const reloaded = tab.load(server.url);
    expect(reloaded.sessions.map(({ session_id }) => session_id)).toEqual(ids);
    expect(reloaded.outbox.map(({ session_id }) => session_id)).toEqual(ids);
    const feedback = reloaded.feedback(scripted.RESPONSE_ID, "up");
    reloaded.connect();
    const peer = await server.peer();
    for (let joined = 0; joined < ids.length; joined++) await peer.join();

    expect((await peer.next("feedback")).session_id, "the latest").toBe(ids.at(-1));
    reloaded.close();
    await expect(feedback).rejects.toMatchObject({ code: "closed" });
  });

  it("what somebody else has put into the storage is passed over", () => {
    tab.storage.setItem(`verbatim-chat ${server.url} message x`, "{");
    tab.storage.setItem(`verbatim-chat ${server.url} message y`, '{"message": null}');
    tab.storage.setItem(`verbatim-chat ${server.url} session z`, "null");

    const client = tab.load(server.url);

    expect([client.outbox, client.sessions]).toEqual([[], []]);
  });
});

describe("more than one session", () => {
  const OTHER = "990e8400-e29b-41d4-a716-446655440000";

  it("is followed on one connection, each with its cursor", async () => {
    const { client, peer } = await following();
    const words = wordsOf(client);
    client.sendMessage("Hello", OTHER, VISITOR);
    await peer.join("7.0");
    await peer.accept(8);
    peer.send(scripted.chunk("A ", "3.2"));
    peer.send(scripted.chunk("B ", "9.2", OTHER));
    await until(() => words.length === 2, "two words");
    peer.drop();

    const again = await server.peer();
    client.sendMessage("And?", SESSION, VISITOR);
    const joins = [await again.join(), await again.next("join")];
    let pongs = 0;
    client.on("pong", () => pongs++);
    again.send({ type: "pong" });
    await until(() => pongs === 1, "all before it to be read");
    expect([client.state, again.isQuiet]).toEqual(["resuming", true]);
    again.send(scripted.connected(OTHER, "9.2"));
    expect((await again.accept()).message).toBe("And?");

    expect(joins.map(({ session_id, after }) => [session_id, after])).toEqual([
      [SESSION, "3.2"],
      [OTHER, "9.2"],
    ]);
    await reaches(client, "open");
  });

  it("is open as soon as the only one that still had to be joined is forgotten", async () => {
    const client = tab.load(server.url);
    client.follow(SESSION, VISITOR);
    client.follow(OTHER, VISITOR);
    client.connect();
    const peer = await server.peer();
    await peer.join();
    await peer.next("join");
    let pongs = 0;
    client.on("pong", () => pongs++);
    peer.send({ type: "pong" });
    await until(() => pongs === 1, "all before it to be read");
    expect(client.state).toBe("resuming");

    client.forget(OTHER);

    await reaches(client, "open");
  });

  it("has room for another one when one is forgotten: on a connection that doesn't follow that any more", async () => {
    const { client, peer } = await following();
    client.forget(SESSION);
    client.follow(OTHER, VISITOR, "7.0");
    await peer.next("join");
    peer.send(scripted.error("too_many_sessions", "This socket follows 16 sessions", OTHER));

    const again = await server.peer();
    expect(await again.join()).toMatchObject({ session_id: OTHER, after: "7.0" });
    await reaches(client, "open");
    expect(again.isQuiet, "the other one isn't joined").toBe(true);
  });

  it("is refused where there are too many, and connecting again would change nothing", async () => {
    const { client, peer } = await following();
    const refused: string[] = [];
    client.on("refused", ({ session_id, error }) => refused.push(`${session_id}: ${error.code}`));
    client.follow(OTHER, VISITOR, "7.0");
    await peer.next("join");
    peer.send(scripted.error("too_many_sessions", "This socket follows 16 sessions", OTHER));
    await until(() => refused.length === 1, "the refusal");

    expect(refused).toEqual([`${OTHER}: too_many_sessions`]);
    expect(client.state).toBe("open");
    expect(server.peers).toHaveLength(1);
  });

  it("goes on without one that is refused", async () => {
    const { client, peer } = await following();
    const refused: string[] = [];
    client.on("refused", ({ session_id, error }) => refused.push(`${session_id}: ${error.code}`));
    client.sendMessage("Lost", OTHER, VISITOR);
    client.sendMessage("Hello", SESSION, VISITOR);

    await peer.next("join");
    expect((await peer.next("chat_message")).message).toBe("Hello");
    peer.send(scripted.error("visitor_mismatch", "Visitor ID does not match", OTHER));
    await until(() => refused.length === 1, "the refusal");

    expect(refused).toEqual([`${OTHER}: visitor_mismatch`]);
    expect(client.outbox.map(({ message }) => message)).toEqual(["Hello"]);
    expect(client.sessions.map(({ session_id }) => session_id)).toEqual([SESSION]);
  });

  it("gives nothing out of one that was forgotten, and its late answers confuse nobody", async () => {
    const { client, peer } = await following();
    const words = wordsOf(client);
    client.follow(OTHER, VISITOR);
    client.forget(OTHER);
    client.sendMessage("Hello", SESSION, VISITOR);
    await peer.join("7.0");
    peer.send(scripted.chunk("B ", "9.2", OTHER));
    peer.send(scripted.chunk("A ", "3.2"));
    await peer.accept();
    await until(() => !client.outbox.length, "the acknowledgement");

    expect(words).toEqual(["A "]);
    expect(tab.load(server.url).sessions.map(({ session_id }) => session_id)).toEqual([SESSION]);
  });
});
