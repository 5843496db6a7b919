// A page, as far as the chat client knows one, run by `tests/support/page.py`: it takes orders as lines of JSON, and writes
// down all that it is shown in the same way. A reload makes a new client on what the one before it has left in the storage.
import { createInterface } from "node:readline";

const [, , url, history] = process.argv;
const { ChatWebSocket } = await import(new URL("../../api/static/chat-client.js", import.meta.url));

const kept = new Map();
const storage = {
  get length() {
    return kept.size;
  },
  key: (index) => [...kept.keys()][index] ?? null,
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
};

const tell = (event, data) => process.stdout.write(`${JSON.stringify({ event, data })}\n`);
const told = (error) => ({ code: error.code, message: error.message });
let chat;

function load() {
  chat?.close();
  chat = new ChatWebSocket(url, { storage, history, timing: { retryMs: 50, retryMostMs: 500 } });
  chat.on("frame", (frame) => tell("frame", frame));
  chat.on("state", ({ state }) => tell("state", state));
  chat.on("undelivered", ({ error }) => tell("undelivered", told(error)));
  chat.on("refused", ({ error }) => tell("refused", told(error)));
  chat.connect();
}

const orders = {
  load,
  start: async () => tell("started", await chat.createSession()),
  say: ({ text, session_id, visitor_id }) => tell("said", chat.sendMessage(text, session_id, visitor_id)),
  follow: ({ session_id, visitor_id }) => chat.follow(session_id, visitor_id),
  stop: () => chat.stop().then(() => tell("stopped"), (error) => tell("not stopped", told(error))),
  rate: ({ response_id, rating }) =>
    chat.feedback(response_id, rating).then(() => tell("rated"), (error) => tell("not rated", told(error))),
  look: () => tell("seen", { outbox: chat.outbox, sessions: chat.sessions, kept: [...kept] }),
};

load();
for await (const line of createInterface(process.stdin)) {
  const { order, ...given } = JSON.parse(line);
  Promise.resolve(orders[order](given)).catch((error) => tell("failed", told(error)));
}
process.exit(0);
