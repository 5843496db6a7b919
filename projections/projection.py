"""What a projection is: a pure function from what was recorded to changes of rows, and the tables for them.

A projection reads no tables. All that it is told is an event and the session as that event left it, so its
rows can be made again from the log at any time, and for any one session.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Struct

from domain.events import Event
from domain.ports import Recorded


class Change(NamedTuple):
    """A row for one of a projection's writes."""

    write: str
    row: tuple[Any, ...]


class Write(Struct, frozen=True):
    """A statement that takes many rows at once: as `{rows}`, with these columns, by their types.

    The first `key` columns say which row is meant: of changes to the same row, the last one counts.
    """

    sql: str
    columns: Mapping[str, str]
    key: int

    @property
    def statement(self) -> bytes:
        """The statement, which takes an array for each column, as a text."""
        arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(self.columns.values(), 1))
        rows = f"unnest({arrays}) AS new ({', '.join(self.columns)})"
        return self.sql.replace("{rows}", rows).encode()


class Projection(Struct, frozen=True):
    """Rows that are made from the log.

    `tables` are the statements that create its tables, each of which has a column `session_id`. The `writes`
    are in the order of a row's life: where a batch has many, all rows are inserted before any is changed.
    `project` is asked about `events` of these types alone. `version` goes up whenever the same log would make
    other rows than before.
    """

    name: str
    version: int
    tables: Mapping[str, str]
    writes: Mapping[str, Write]
    events: frozenset[type[Event]]
    project: Callable[[Recorded], Iterable[Change]]

    def changes(self, history: Iterable[Recorded]) -> Sequence[Change]:
        """All that a history changes, in order."""
        return [
            change
            for recorded in history
            if type(recorded.event) in self.events
            for change in self.project(recorded)
        ]


def array(column: Sequence[Any]) -> str:
    """A column as PostgreSQL writes an array: far quicker than to have each value looked at for its type.

    Texts are made such as it can keep; a tuple of them is told as a JSON array.
    """
    return "{" + ",".join([_element(value) for value in column]) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + keepable(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return _element(
            msgspec.json.encode([keepable(text) for text in cast("tuple[str, ...]", value)]).decode()
        )
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    return str(value)


def keepable(text: str) -> str:
    """A text as PostgreSQL can keep it: it takes every character but one."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def milliseconds(recorded: Recorded) -> int:
    """From the start of the reply that an event ends until that event."""
    reply = recorded.session.reply
    assert reply is not None
    return round((recorded.at - reply.started_at).total_seconds() * 1000)
