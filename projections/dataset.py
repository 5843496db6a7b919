"""The dataset: all facts as Parquet files, a folder for each table and in it one for each day, in UTC.

    DIR/messages/day=2026-10-31/part-0.parquet
    DIR/_manifest.json

Only days whose rows have changed are written again, each whole, under another name first: whoever reads finds
the old file or the new one. The manifest has a fingerprint of the rows that each file was made from, and is
written after it: a run that is killed has at worst a day written twice.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pyarrow as pa
from msgspec import Struct
from psycopg import Connection, IsolationLevel
from pyarrow import parquet

from projections.facts import DETAILS, MESSAGES, REPLIES, SESSIONS, SUGGESTIONS, WARNINGS
from projections.view import View

FORMAT = 1
"""Of the files: with another one, all are written again."""

MANIFEST = "_manifest.json"
LOCK = ".lock"
FILE = "part-0.parquet"
DRAFT = ".draft"
ROWS_AT_ONCE = 20_000

TYPES = {
    16: pa.bool_(),
    20: pa.int64(),
    23: pa.int32(),
    25: pa.string(),
    1184: pa.timestamp("us", tz="UTC"),
    2950: pa.string(),
}
"""By PostgreSQL's number of a type: boolean, bigint, integer, text, timestamptz, uuid."""
UUID_TYPE = 2950


class DatasetError(Exception):
    """The folder can't be written to as it is. `str()` of it is one line for whoever named it."""


class Table(Struct, frozen=True):
    """A view, the column that says on which day a row is, and those by which a day's rows are in order."""

    view: View
    time: str
    order: str

    @property
    def name(self) -> str:
        return self.view.name.rpartition(".")[2]

    @property
    def columns(self) -> str:
        return ", ".join(self.view.columns)

    @property
    def fingerprints(self) -> str:
        """By day, a number that is another one as soon as any row is."""
        return f"""
            SELECT (date_trunc('day', {self.time}, 'UTC') AT TIME ZONE 'UTC')::date,
                count(*) || ':' || sum(hash_record_extended(fact, 0))
            FROM (SELECT {self.columns} FROM {self.view.name}) AS fact GROUP BY 1 ORDER BY 1
        """  # noqa: S608

    @property
    def rows(self) -> str:
        """Those from one time to another."""
        return f"""
            SELECT {self.columns} FROM {self.view.name} WHERE {self.time} >= %s AND {self.time} < %s
            ORDER BY {self.time}, {self.order}
        """  # noqa: S608


TABLES = (
    Table(SESSIONS, "started_at", "session_id"),
    Table(MESSAGES, "posted_at", "session_id, number"),
    Table(REPLIES, "started_at", "session_id, response_id"),
    Table(SUGGESTIONS, "offered_at", "session_id, response_id, place"),
    Table(DETAILS, "given_at", "session_id, key"),
    Table(WARNINGS, "warned_at", "session_id"),
)

Fingerprints = dict[str, str]
"""By day."""


class Manifest(Struct):
    """What the files in a folder were made from, by table and day."""

    format: int = FORMAT
    days: dict[str, Fingerprints] = {}


class Written(Struct, frozen=True):
    """What a run has done: how many files were written, were removed, and are as they were. There is one for
    each day of each table."""

    written: int
    removed: int
    unchanged: int


def write_dataset(conninfo: str, out: Path, progress: Callable[[int, int], None]) -> Written:
    """Bring the dataset in a folder up to date; `progress` is told how many of how many files are done.

    It blocks. Raises DatasetError, OSError, and psycopg.Error.
    """
    out.mkdir(mode=0o700, parents=True, exist_ok=True)  # whatever was said is in it
    with _locked(out), _snapshot(conninfo) as connection:
        manifest = _read_manifest(out)
        _remove_drafts(out)
        then = {table.name: _fingerprints(connection, table) for table in TABLES}
        changed = [
            (table, day)
            for table in TABLES
            for day in sorted({*then[table.name], *manifest.days.get(table.name, {})})
            if _is_to_be_written(out, manifest, table, day, then[table.name].get(day))
        ]
        removed = 0
        for done, (table, day) in enumerate(changed):
            progress(done, len(changed))
            fingerprint = then[table.name].get(day)
            if fingerprint is None:
                _remove(_file(out, table, day))
                del manifest.days[table.name][day]
                removed += 1
            else:
                _write(connection, table, date.fromisoformat(day), _file(out, table, day))
                manifest.days.setdefault(table.name, {})[day] = fingerprint
            _write_manifest(out, manifest)
        progress(len(changed), len(changed))
        files = sum(map(len, then.values()))
        return Written(len(changed) - removed, removed, files - len(changed) + removed)


def _is_to_be_written(out: Path, manifest: Manifest, table: Table, day: str, now: str | None) -> bool:
    before = manifest.days.get(table.name, {}).get(day)
    return before != now or not _file(out, table, day).exists()


# --- the database


@contextmanager
def _snapshot(conninfo: str) -> Iterator[Connection[Any]]:
    """All tables as they are at one moment."""
    with psycopg.connect(conninfo) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def _fingerprints(connection: Connection[Any], table: Table) -> Fingerprints:
    return {day.isoformat(): told for day, told in connection.execute(table.fingerprints.encode())}


def _batches(connection: Connection[Any], table: Table, day: date) -> Iterator[pa.RecordBatch]:
    """The rows of a day, not all at once."""
    start = datetime.combine(day, time(), UTC)
    with connection.cursor(name="dataset") as cursor:
        cursor.execute(table.rows.encode(), (start, start + timedelta(days=1)))
        assert cursor.description is not None
        kinds = {column.name: column.type_code for column in cursor.description}
        rows = cursor.fetchmany(ROWS_AT_ONCE)
        while rows:
            columns = zip(kinds.values(), zip(*rows, strict=True), strict=True)
            yield pa.record_batch([_array(kind, values) for kind, values in columns], names=[*kinds])
            rows = cursor.fetchmany(ROWS_AT_ONCE)


def _array(kind: int, values: Sequence[Any]) -> pa.Array:
    if kind == UUID_TYPE:
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, TYPES[kind])


# --- the folder


def _file(out: Path, table: Table, day: str) -> Path:
    return out / table.name / f"day={day}" / FILE


def _write(connection: Connection[Any], table: Table, day: date, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _drafted(path) as draft:
        batches = _batches(connection, table, day)
        first = next(batches)
        with parquet.ParquetWriter(draft, first.schema, compression="zstd") as writer:
            writer.write_batch(first)
            for batch in batches:
                writer.write_batch(batch)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()  # unless somebody else keeps something there


def _remove_drafts(out: Path) -> None:
    """What a run that was killed has left."""
    for table in TABLES:
        for draft in (out / table.name).glob(f"day=*/{DRAFT}"):
            draft.unlink()


def _read_manifest(out: Path) -> Manifest:
    path = out / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except msgspec.MsgspecError:
        raise DatasetError(f"{path} can't be read: remove it, and all days are written again") from None
    if manifest.format == FORMAT:
        return manifest
    return Manifest(days={table: dict.fromkeys(days, "") for table, days in manifest.days.items()})


def _write_manifest(out: Path, manifest: Manifest) -> None:
    with _drafted(out / MANIFEST) as draft:
        draft.write_bytes(msgspec.json.encode(manifest))


@contextmanager
def _drafted(path: Path) -> Iterator[Path]:
    """A name under which a file is written that is to take this one's place, once it is whole."""
    draft = path.with_name(DRAFT)
    yield draft
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(path)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(f"{out} is being written to by another process: try again later") from None
        yield
