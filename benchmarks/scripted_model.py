"""An OpenAI-compatible server that thinks for a fixed time and speaks at a fixed pace, for `first_word`.

How it answers, the last message says itself (see `Script`), so that one process serves all that is measured.
It looks no closer at a request than it must, and its bytes are made beforehand: it runs beside the service
on the same machine and must not be what is measured.

All of an answer, its headers too, waits for the first word. With headers sent at once, a client would do its
work on them while the model thinks, and none of it would be seen.
"""

import asyncio
import gc
import re
from typing import cast

import uvloop
from msgspec import Struct, json

TEXT = ("a", "novated", "lease", "is", "an", "agreement", "between", "you", "and", "your", "employer")

REPORT_AFTER_MS = 50
"""How long after the first word the request beside the words is answered: a model takes longer to fill in a
form than to begin to speak."""


class Script(Struct, frozen=True):
    """An answer of `words` words, the first after `first_ms`, each further one `every_ms` later.

    Words are sent as `"word "`, or where they are `leading` as `" word"`, in the way of most models: then
    only the next delta tells that a word is whole.
    """

    first_ms: int
    every_ms: int
    words: int
    leading: bool = False

    @property
    def seconds(self) -> float:
        """How long the answer takes."""
        return (self.first_ms + (self.words - 1) * self.every_ms) / 1000

    @property
    def message(self) -> str:
        """What a visitor says to be answered so."""
        place = "before" if self.leading else "after"
        return (
            f"Say {self.words} words, the first after {self.first_ms} ms, one each {self.every_ms} ms, "
            f"with a space {place} each."
        )

    @classmethod
    def read(cls, request: bytes) -> "Script":
        """What a request asks for. All messages of a conversation ask for the same: the first will do."""
        asked = re.search(
            rb"Say (\d+) words, the first after (\d+) ms, one each (\d+) ms, with a space (\w+) each", request
        )
        assert asked is not None, "the request holds no script"
        return cls(
            words=int(asked[1]), first_ms=int(asked[2]), every_ms=int(asked[3]), leading=asked[4] == b"before"
        )


def _piece(payload: bytes) -> bytes:
    """A piece of a body in chunked encoding."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _headers(content_type: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % content_type


def _event(finish_reason: str | None = None, **delta: str) -> bytes:
    """A piece of a stream, with all that OpenAI puts into it."""
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "scripted",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
    }
    return b"data: %b\n\n" % json.encode(chunk)


BODY_END = b"0\r\n\r\n"
_BEGIN = _headers(b"text/event-stream") + _piece(_event(role="assistant", content=""))
_WORDS = {
    False: [_piece(_event(content=f"{word} ")) for word in TEXT],
    True: [_piece(_event(content=f" {word}")) for word in TEXT],
}
_USAGE = b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9}}\n\n'
_END = _piece(_event("stop")) + _piece(_USAGE) + _piece(b"data: [DONE]\n\n") + BODY_END
_NOTES = json.encode({"details": {}, "needs_info": False, "suggestions": [], "session_complete": False})
_COMPLETION = {
    "id": "chatcmpl-2",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "scripted",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": _NOTES.decode()}, "finish_reason": "stop"}
    ],
}
_REPORT = _headers(b"application/json") + _piece(json.encode(_COMPLETION)) + BODY_END


class _Connection(asyncio.Protocol):
    """A connection, which asks for one thing after another."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        assert length is not None, "the request has no Content-Length"
        body = rest[: int(length[1])]
        if len(body) < int(length[1]):
            return
        self._data = rest[len(body) :]
        script = Script.read(body)
        due = self._loop.time() + script.first_ms / 1000
        if b'"stream":true' in body:
            self._timer = self._loop.call_at(due, self._say, script, 0, due)
        else:
            due += REPORT_AFTER_MS / 1000
            self._timer = self._loop.call_at(due, self._transport.write, _REPORT)

    def _say(self, script: Script, number: int, due: float) -> None:
        if number == script.words:
            self._transport.write(_END)
            return
        word = _WORDS[script.leading][number % len(TEXT)]
        self._transport.write(word if number else _BEGIN + word)
        due += script.every_ms / 1000 if number + 1 < script.words else 0
        self._timer = self._loop.call_at(due, self._say, script, number + 1, due)


async def serve() -> None:
    """Serve until killed. Prints the port."""
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=1000)
    gc.freeze()
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
