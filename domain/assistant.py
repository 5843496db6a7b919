"""Port: what an assistant is given, and what it streams back.

An assistant answers one message. It yields text as it thinks of it, and beside the text, in any
order, what it has found out. Closing the stream early tells it to stop thinking at once.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from msgspec import Struct

from domain.events import FinishReason, Usage
from domain.session import Turn


class Prompt(Struct, frozen=True):
    """A visitor's message, with what the conversation holds so far (without that message).

    `details` are what is known of the visitor by key; `asked_for` says that the reply before this one
    asked for more of them.
    """

    text: str
    turns: tuple[Turn, ...] = ()
    details: Mapping[str, str] = {}
    asked_for: bool = False


class Text(Struct, frozen=True, gc=False):
    """The next piece of the reply, of any length."""

    text: str


class Details(Struct, frozen=True):
    """Facts about the visitor, by the persona's keys: `{"email": "ann@example.com"}`."""

    values: Mapping[str, str]


class NeedsInfo(Struct, frozen=True):
    """Whether the assistant waits for details from the visitor."""

    needs_info: bool


class Suggestions(Struct, frozen=True):
    """What the visitor might say next."""

    suggestions: tuple[str, ...]


class Unanswered(Struct, frozen=True):
    """The assistant has no answer to this, and says so."""


class SessionComplete(Struct, frozen=True):
    """The conversation has come to its end with this reply."""


class Finished(Struct, frozen=True):
    """The text has ended, and why. Optional: a stream that just ends has finished with `stop`."""

    reason: FinishReason = "stop"
    usage: Usage | None = None


Said = Text | Details | NeedsInfo | Suggestions | Unanswered | SessionComplete | Finished


class AssistantFailed(Exception):
    """No (further) words will come. `reason` is a code: `timeout`, `rate_limited`, `upstream_error`..."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Assistant(Protocol):
    """Whoever answers."""

    name: str

    def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        """Stream the answer to one message. Raises AssistantFailed."""
        ...
