import { describe, expect, it } from "vitest";
import { ChatError } from "../src/index.js";
import { following, problemsOf, server, tab } from "./support/scene.js";
import * as scripted from "./support/scripted.js";
import { RESPONSE_ID, SESSION, VISITOR } from "./support/scripted.js";
import { until } from "./support/until.js";

describe("stop and feedback", () => {
  it("are done when the service has answered what came after them", async () => {
    const { client, peer } = await following();
    const done: string[] = [];
    void client.stop().then(() => done.push("stop"));
    void client.feedback(RESPONSE_ID, "up", "Good").then(() => done.push("feedback"));

    expect(await peer.next("stop")).toEqual({ type: "stop", session_id: SESSION, visitor_id: VISITOR });
    await peer.next("ping");
    const feedback = { type: "feedback", response_id: RESPONSE_ID, rating: "up", comment: "Good" };
    expect(await peer.next("feedback")).toEqual({ ...feedback, session_id: SESSION, visitor_id: VISITOR });
    await peer.next("ping");
    peer.send({ type: "pong" });
    await until(() => done.length === 1, "the first");
    expect(done).toEqual(["stop"]);
    peer.send({ type: "pong" });
    await until(() => done.length === 2, "the second");
  });

  it("that are refused say so, and the message after them isn't", async () => {
    const { client, peer } = await following();
    const rating = client.feedback(RESPONSE_ID, "down");
    await peer.next("feedback");
    await peer.next("ping");
    client.sendMessage("Hello", SESSION, VISITOR);
    const message = await peer.next("chat_message");

    peer.send(scripted.error("reply_not_found", "Reply not found"));
    peer.send({ type: "pong" });
    peer.send(scripted.accepted(message, 4));

    await expect(rating).rejects.toMatchObject({ code: "reply_not_found" });
    await until(() => !client.outbox.length, "the acknowledgement");
  });

  it("are lost with a connection, and only feedback is asked for a second time", async () => {
    const { client, peer } = await following();
    const [stop, feedback] = [client.stop(), client.feedback(RESPONSE_ID, "up")];
    await peer.next("stop");
    await peer.next("ping");
    await peer.next("feedback");
    peer.drop();

    await expect(stop).rejects.toMatchObject({ code: "lost" });
    const again = await server.peer();
    await again.join();
    await again.next("feedback");
    await again.next("ping");
    again.send({ type: "pong" });
    await feedback;
    expect(again.received.some(({ type }) => type === "stop")).toBe(false);
  });

  it("don't both wait for a connection: once there is one, a stop could meet a reply that nobody wanted to stop", async () => {
    const client = tab.load(server.url);
    const problems = problemsOf(client);
    client.follow(SESSION, VISITOR);
    const feedback = client.feedback(RESPONSE_ID, "up");
    const stops = [client.stop()];
    client.connect();
    const peer = await server.peer();
    await peer.next("join");
    stops.push(client.stop());

    for (const stop of stops) await expect(stop).rejects.toMatchObject({ code: "not_connected" });
    expect(problems).toEqual(["not_connected", "not_connected"]);
    peer.send(scripted.connected(SESSION, "1.0"));
    await peer.next("feedback");
    await peer.next("ping");
    peer.send({ type: "pong" });
    await feedback;
  });

  it("are refused by close(), and where there is no session", async () => {
    const client = tab.load(server.url);
    const problems = problemsOf(client);
    await expect(client.stop()).rejects.toMatchObject({ code: "session_not_found" });
    await expect(client.feedback("x", "up", "", SESSION)).rejects.toBeInstanceOf(ChatError);
    client.follow(SESSION, VISITOR);
    const feedback = client.feedback(RESPONSE_ID, "up");
    client.close();

    await expect(feedback).rejects.toMatchObject({ code: "closed" });
    expect(problems).toEqual(["session_not_found", "session_not_found"]);
  });
});
