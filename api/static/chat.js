// The page's conversation: one session, kept for this tab, resumed by cursor whenever the socket returns.
const $ = (id) => document.getElementById(id);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/chat/`;
const state = { session: null, cursor: "0.0", socket: null, reply: null, attempts: 0, over: false };

async function startSession() {
  const response = await fetch("/api/chats/sessions/", { method: "POST" });
  if (!response.ok) throw new Error((await response.json()).detail);
  const { session_id, visitor_id } = await response.json();
  return { session_id, visitor_id };
}

async function begin() {
  const kept = sessionStorage.getItem("verbatim");
  try {
    state.session = kept ? JSON.parse(kept) : await startSession();
    if (kept) await recall();
  } catch (error) {
    status(`${error.message || "The service can't be reached"}. Trying again.`);
    setTimeout(begin, 2000);
    return;
  }
  sessionStorage.setItem("verbatim", JSON.stringify(state.session));
  connect();
}

// After a reload: what was said comes from the transcript, what goes on from the socket.
async function recall() {
  const response = await transcript("json");
  if (response.status === 404 || response.status === 403) {
    state.session = await startSession();
    return;
  }
  if (!response.ok) throw new Error("The transcript can't be read");
  const { entries, cursor, ended } = await response.json();
  for (const entry of entries) {
    if (entry.who === "visitor") show("visitor", entry.text);
    else if (entry.who === "assistant") {
      state.reply = show("assistant", entry.text);
      if (entry.outcome === "streaming") state.reply.classList.add("streaming");
      else state.reply = null;
    } else if (entry.text) show("note", entry.text);
  }
  state.cursor = cursor;
  if (ended) end();
}

const transcript = (format) =>
  fetch(`/api/chats/sessions/${state.session.session_id}/transcript/?format=${format}`, {
    headers: { "X-Visitor-Id": state.session.visitor_id },
  });

function connect() {
  const socket = (state.socket = new WebSocket(url));
  socket.onopen = () => socket.send(JSON.stringify({ type: "join", ...state.session, after: state.cursor }));
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = ({ code }) => {
    ready(false);
    if (code >= 4400 && code < 4500) return status("The session can't be joined: start a new conversation.");
    status("Connection lost. Reconnecting.");
    setTimeout(connect, Math.min(10_000, 250 * 2 ** state.attempts++) * (0.5 + Math.random() / 2));
  };
}

function receive(frame) {
  const cursor = frame.metadata?.cursor;
  if (cursor) state.cursor = cursor;
  if (frame.type === "connected" && frame.session_id) {
    state.attempts = 0;
    if (!state.over) (ready(true), status("Connected"));
  } else if (frame.type === "chunk") {
    state.reply ??= show("assistant", "");
    state.reply.classList.add("streaming");
    state.reply.textContent += frame.chunk;
    scroll();
  } else if (frame.type === "complete") {
    state.reply ??= show("assistant", "");
    state.reply.textContent = frame.message ?? "";
    closeReply();
    suggest(frame.suggestions ?? []);
    if (frame.complete) end();
  } else if (frame.type === "session_end") {
    closeReply();
    if (frame.message) show("note", frame.message);
    end();
  } else if (frame.type === "idle_warning") {
    show("note", frame.message);
  } else if (frame.type === "error") {
    if (frame.response_id) closeReply(); // else it is about something that was sent, and the reply goes on
    show("note", frame.error);
  }
}

function send(text) {
  if (!text.trim() || state.socket?.readyState !== WebSocket.OPEN) return;
  state.socket.send(
    JSON.stringify({ type: "chat_message", message: text, client_message_id: crypto.randomUUID?.(), ...state.session }),
  );
  show("visitor", text);
  suggest([]);
  $("message").value = "";
}

function show(kind, text) {
  const element = document.createElement("div");
  element.className = kind === "note" ? "note" : `said ${kind}`;
  element.textContent = text;
  $("messages").append(element);
  scroll();
  return element;
}

function suggest(suggestions) {
  $("suggestions").replaceChildren(
    ...suggestions.map((text) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.onclick = () => send(text);
      return button;
    }),
  );
  scroll();
}

function closeReply() {
  state.reply?.classList.remove("streaming");
  state.reply = null;
}

function end() {
  state.over = true;
  ready(false);
  suggest([]);
  status("This conversation has ended.");
}

const ready = (yes) => ($("composer").querySelector("button").disabled = !yes);
const status = (text) => ($("status").textContent = text);
const scroll = () => ($("messages").scrollTop = $("messages").scrollHeight);

$("composer").onsubmit = (event) => {
  event.preventDefault();
  send($("message").value);
};
$("fresh").onclick = () => {
  sessionStorage.removeItem("verbatim");
  location.reload();
  return false;
};
$("transcript").onclick = async (event) => {
  event.preventDefault();
  const page = await (await transcript("html")).blob();
  open(URL.createObjectURL(page));
};

ready(false);
begin();
