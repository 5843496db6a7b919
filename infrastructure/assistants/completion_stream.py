"""The bytes of a streamed chat completion, read as text, as many kinds of servers send them.

The library's own reading builds a tree of pydantic models for each delta: 106 µs of CPU where this takes 19,
and 220 against 95 where each arrives by itself.
"""

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from domain.events import FinishReason, Usage
from infrastructure.assistants.failures import Passing

MAX_LINE_BYTES = 1_000_000

GIVEN_UP = frozenset(
    ("error", "abort", "aborted", "cancelled", "canceled", "network_error", "insufficient_system_resource")
)
"""Finish reasons of a reply that isn't whole. Any other may be a stop by another name: `eos_token`, `end`."""


class _Part(Struct, frozen=True):
    type: str = ""
    text: str = ""


class _Delta(Struct, frozen=True):
    content: str | tuple[_Part, ...] | None = None


class _Choice(Struct, frozen=True):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(Struct, frozen=True):
    choices: tuple[_Choice, ...] | None = None
    usage: object = None
    error: object = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class CompletionStream:
    """A stream of server-sent events, read as text. `ended` says that its words are whole, `done` that
    nothing at all is to follow."""

    def __init__(self) -> None:
        self._rest = b""
        self._unreadable = ""
        self._named = False
        self._pairs = getincrementaldecoder("utf-16-le")("replace")
        self._begun = False
        self.ended = False
        self.done = False
        self.reason: FinishReason = "stop"
        self.usage: Usage | None = None

    def read(self, data: bytes) -> Iterator[str]:
        """The pieces of text that these bytes complete; no bytes are the end. Raises Passing, after the
        pieces before."""
        *lines, self._rest = (self._rest + (data or b"\n")).split(b"\n")
        # What can't be read of the last line has been cut off.
        self._unreadable = "garbage" if data else "upstream_error"
        if len(self._rest) > MAX_LINE_BYTES:
            raise Passing("garbage")
        for line in lines:
            if line.startswith(b"data:"):
                yield from self._event(line[5:].strip())
            elif not line.strip():
                self._named = False
            elif line.startswith(b"event:"):
                self._name(line[6:].strip())
            elif line.startswith(b"error:"):
                raise Passing("upstream_error")
            elif not line.startswith((b":", b"id:", b"retry:")):
                raise Passing(self._unreadable)

    def _name(self, name: bytes) -> None:
        if name == b"error":
            raise Passing("upstream_error")
        self._named = name not in (b"", b"message")

    def _event(self, data: bytes) -> Iterator[str]:
        if data == b"[DONE]":
            self.ended = self.done = True
        if self.done or not data:
            return
        try:
            chunk = _decode(data)
        except (msgspec.MsgspecError, ValueError):
            # Whatever bears a name, as a ping does, need not be a completion.
            if self._named:
                return
            raise Passing(self._unreadable) from None
        if chunk.error:
            raise Passing("upstream_error")
        if chunk.usage:
            self.usage = _usage(chunk.usage)
        if chunk.choices:
            choice = chunk.choices[0]
            if choice.delta and choice.delta.content and (text := self._text(choice.delta.content)):
                yield text
            if choice.finish_reason:
                self._finish(choice.finish_reason)

    def _finish(self, reason: str) -> None:
        if reason.lower() in GIVEN_UP:
            raise Passing("upstream_error")
        self.ended = True
        self.reason = reason if reason in ("length", "content_filter") else "stop"

    def _text(self, content: str | tuple[_Part, ...]) -> str:
        text = content if isinstance(content, str) else _said(content)
        # The first half of a surrogate pair waits for the second: they may come in two events.
        text = self._pairs.decode(text.encode("utf-16-le", "surrogatepass"))
        if self._begun:
            return text
        # Blank lines before the first word are no word: a time limit waits for one.
        text = text.lstrip()
        self._begun = bool(text)
        return text


def _decode(data: bytes) -> _Chunk:
    try:
        return _decode_chunk(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Half of a surrogate pair is read by `json` alone.
        return msgspec.convert(json.loads(data), _Chunk)


def _said(parts: tuple[_Part, ...]) -> str:
    return "".join(part.text for part in parts if part.type == "text")


def _usage(counted: object) -> Usage | None:
    try:
        return msgspec.convert(counted, Usage)
    except msgspec.ValidationError:
        return None
