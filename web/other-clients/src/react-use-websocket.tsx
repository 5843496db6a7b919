import { useEffect, useState, type ReactElement } from "react";
import { createRoot } from "react-dom/client";
import useWebSocket from "react-use-websocket";
import { added, type Frame, type Lines } from "./lines.js";
import { session, url } from "./session.js";

const OPTIONS = {
  shouldReconnect: () => true,
  heartbeat: { message: "ping", returnMessage: "pong", interval: 100, timeout: 5000 },
};

function Chat(): ReactElement {
  const [lines, setLines] = useState<Lines>([""]);
  const { lastJsonMessage, sendJsonMessage } = useWebSocket<Frame | null>(url, OPTIONS);
  useEffect(() => {
    if (lastJsonMessage) setLines((shown) => added(shown, lastJsonMessage));
  }, [lastJsonMessage]);
  const say = (message: string) => sendJsonMessage({ type: "chat_message", message, ...session });
  return (
    <>
      {lines.map((line, index) => (
        <p key={index}>{line}</p>
      ))}
      <input onKeyDown={({ key, currentTarget }) => key === "Enter" && say(currentTarget.value)} />
    </>
  );
}

const root = document.querySelector("#app");
if (root) createRoot(root).render(<Chat />);
