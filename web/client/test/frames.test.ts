import { describe, expect, it } from "vitest";
import { following, wordsOf } from "./support/scene.js";
import * as scripted from "./support/scripted.js";
import { reaches } from "./support/tab.js";
import { until } from "./support/until.js";

describe("for await", () => {
  it("gives out every frame, and ends with close()", async () => {
    const { client, peer } = await following();
    const frames = client.frames();
    peer.send(scripted.chunk("A ", "3.2"));
    peer.send({ type: "pong" });
    peer.send(scripted.complete("A", "4.0"));

    const types: string[] = [];
    for await (const frame of frames) {
      types.push(frame.type);
      if (frame.type === "complete") client.close();
    }

    expect(types).toEqual(["chunk", "complete"]);
  });

  it("tells a reader that falls too far behind, after what it had in its buffer", async () => {
    const { client, peer } = await following();
    const frames = client.frames(2);
    const words = wordsOf(client);
    for (const number of [1, 2, 3]) peer.send(scripted.chunk(`${number} `, `3.${number}`));
    await until(() => words.length === 3, "three words");

    const read: string[] = [];
    const reading = (async () => {
      for await (const frame of frames) if (frame.type === "chunk") read.push(frame.chunk);
    })();

    await expect(reading).rejects.toMatchObject({ code: "buffer_full" });
    expect(read).toEqual(["1 ", "2 "]);
  });

  it("throws why the client has failed, and stops listening when it is left", async () => {
    const { client, peer } = await following();
    const reading = client[Symbol.asyncIterator]().next();
    const left = client.frames();
    await left.return?.();
    peer.close(4403, "origin_not_allowed");

    await expect(reading).rejects.toMatchObject({ code: "origin_not_allowed" });
    expect(await left.next()).toEqual({ done: true, value: undefined });
  });

  it("ends with close(), though a listener connects again at once", async () => {
    const { client, peer } = await following();
    client.on("frame", () => {
      client.close();
      client.connect();
    });
    const frames = client.frames();
    peer.send(scripted.chunk("A ", "3.2"));

    expect((await frames.next()).value).toMatchObject({ chunk: "A " });
    expect((await frames.next()).done).toBe(true);
  });

  it("throws why the client has failed, though a listener connects again at once", async () => {
    const { client, peer } = await following();
    client.on("state", ({ state }) => state === "failed" && client.connect());
    const reading = client.frames().next();
    peer.close(4403, "origin_not_allowed");

    await expect(reading).rejects.toMatchObject({ code: "origin_not_allowed" });
  });

  it("begun too late ends at once: with close(), or with why the client has failed", async () => {
    const { client, peer } = await following();
    peer.close(4403, "origin_not_allowed");
    await reaches(client, "failed");
    await expect(client.frames().next()).rejects.toMatchObject({ code: "origin_not_allowed" });

    client.close();

    expect(await client.frames().next()).toEqual({ done: true, value: undefined });
  });
});
