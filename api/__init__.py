"""The driving side: HTTP, WebSocket and the command line."""
