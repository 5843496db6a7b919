// The page that says how to embed the chat: its snippets name the service that serves it, so that they work as they are.
import "./embed.css";

for (const place of document.querySelectorAll(".service")) place.textContent = location.origin;
