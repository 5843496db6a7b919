import fc from "fast-check";
import { expect, it } from "vitest";
import type { ChatWebSocket } from "../src/index.js";
import { Recorder } from "./support/recorder.js";
import { SESSION, VISITOR } from "./support/scripted.js";
import { Tab } from "./support/tab.js";
import { until } from "./support/until.js";

const breaks = fc.array(fc.record({ after: fc.integer({ min: 1, max: 12 }), isTaken: fc.boolean() }), { maxLength: 12 });

/** What a page does, one after another: say something, wait for a word, or be loaded again. */
const deeds = fc.array(fc.constantFrom("say", "wait", "reload"), { minLength: 1, maxLength: 12 });

it("every word and every message is there exactly once and in order, wherever connections break and pages are loaded again", async () => {
  await fc.assert(
    fc.asyncProperty(breaks, deeds, async (plan, done) => {
      const service = await Recorder.start(plan);
      const tab = new Tab();
      const shown: string[] = [];
      const said: string[] = [];
      const load = (): ChatWebSocket => {
        const page = tab.load(service.url, { pace: { burst: 100, perMinute: 6000 }, timing: { retryMs: 1, retryMostMs: 2 } });
        page.on("chunk", ({ chunk }) => shown.push(chunk));
        page.follow(SESSION, VISITOR, "0.0");
        page.connect();
        return page;
      };

      let page = load();
      try {
        for (const deed of done) {
          if (deed === "reload") page = load();
          else if (deed === "wait") await until(() => shown.length > 0 || !said.length, "a word");
          else page.sendMessage(said[said.push(`message${said.length}`) - 1] ?? "", SESSION, VISITOR);
        }
        await until(() => !page.outbox.length && service.messages.length === said.length, "all messages to be taken");
        await until(() => shown.length >= service.words.length, "all words to be shown");
      } finally {
        tab.leave();
        await service.stop();
      }

      expect(service.messages.map(({ message }) => message)).toEqual(said);
      expect(shown).toEqual(service.words);
    }),
    { numRuns: 100 },
  );
}, 60_000);
