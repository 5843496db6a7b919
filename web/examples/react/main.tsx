import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./Chat.js";

const root = document.querySelector("#app");
if (!root) throw new Error("The page has no #app to be filled");
createRoot(root).render(
  <StrictMode>
    <Chat url="ws://127.0.0.1:8000/ws/chat/" />
  </StrictMode>,
);
