"""A replay in a terminal: what was said appears as it did. Only entries begin at the margin, and nothing that
was said can speak to the terminal, or pass for an entry of its own."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from api.frames import Chunk, Complete, Error, FromLog, IdleWarning, Message, SessionEnd
from api.replay import Moment
from projections.renderings import ENDINGS, shown, time_text

MARGIN = "\n    "


class Player:
    """Writes moments as they come. `write` is given pieces of text, to be seen at once."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._speaking: UUID | None = None  # the message whose reply stands on the last line, open
        self._begun: set[UUID | None] = set()

    def show(self, moment: Moment) -> None:
        """Write what was there to be seen at a moment."""
        for frame in moment.frames:
            self._show(frame, moment.at)

    def close(self) -> None:
        """End the line that is open."""
        if self._speaking:
            self._write("\n")
            self._speaking = None

    def _show(self, frame: FromLog, at: datetime) -> None:
        match frame:
            case Message(message=text):
                self._entry(at, "Visitor", text)
            case Chunk(message_id=message_id, chunk=word):
                self._speak(at, message_id)
                self._write(shown(word, MARGIN))
            case Complete():
                self._complete(frame, at)
            case Error(message_id=message_id, error=text):
                self._speak(at, message_id)
                self._write(f" (broke off: {text})")
                self.close()
                self._begun.discard(message_id)  # what answers it anew says all of it again
            case IdleWarning(message=text):
                self._entry(at, "Service", text)
            case SessionEnd(message=text):
                self._entry(at, "Service", text or ENDINGS[frame.metadata.reason])

    def _complete(self, frame: Complete, at: datetime) -> None:
        self._speak(at, frame.message_id)
        if frame.metadata.finish_reason == "stopped":
            self._write(" (stopped)")
        self.close()
        for suggestion in frame.suggestions:
            self._write(f"  suggested: {shown(suggestion, ' ')}\n")
        if frame.complete:
            self._entry(at, "Service", ENDINGS["completed"])

    def _speak(self, at: datetime, message_id: UUID | None) -> None:
        """Go on with a reply, on a new line if something else was said meanwhile."""
        if self._speaking == message_id or message_id is None:
            return
        again = " (goes on)" if message_id in self._begun else ""
        self._head(at, f"Assistant{again}")
        self._begun.add(message_id)
        self._speaking = message_id

    def _entry(self, at: datetime, who: str, text: str) -> None:
        self._head(at, who)
        self._write(shown(text, MARGIN) + "\n")

    def _head(self, at: datetime, who: str) -> None:
        self.close()
        self._write(f"\n[{time_text(at)}] {who}: ")
