"""The dataset: what the views hold, by day; written again where it has changed, whole after any kill."""

import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

from domain.events import VisitorErased, VisitorMessagePosted
from infrastructure.keyring import WrappedKeyring
from projections.dataset import FILE, MANIFEST, TABLES, DatasetError, Written, write_dataset
from tests.support.histories import demo
from tests.support.postgres import execute
from tests.support.projecting import projecting
from tests.support.stores import MASTER_KEY, Stores

FILES_AT_LEAST = 20


@pytest.fixture
async def stores(new_conninfo: str) -> AsyncIterator[Stores]:
    stores = Stores(new_conninfo)
    await demo(await stores.open(), 40)
    project(new_conninfo)
    yield stores
    await stores.close()


def project(conninfo: str) -> None:
    with projecting(conninfo) as process:
        process.catch_up()


def written(stores: Stores, out: Path) -> Written:
    return write_dataset(stores.conninfo, out, lambda done, total: None)


def read(out: Path, table: str) -> list[dict[str, Any]]:
    """A table of the dataset, as any reader of partitioned Parquet files finds it."""
    partitioning = dataset.partitioning(pa.schema([("day", pa.date32())]), flavor="hive")
    return dataset.dataset(out / table, format="parquet", partitioning=partitioning).to_table().to_pylist()


def files(out: Path) -> dict[Path, int]:
    """All files, and when each was written, to the nanosecond."""
    return {path.relative_to(out): path.stat().st_mtime_ns for path in out.rglob(FILE)}


def rewritten(before: dict[Path, int], after: dict[Path, int]) -> set[str]:
    return {str(path.parent) for path, at in after.items() if before.get(path) != at}


def shown(stores: Stores, table: str) -> list[dict[str, Any]]:
    view = next(each for each in TABLES if each.name == table)
    with psycopg.connect(stores.conninfo) as connection:
        connection.execute("SET TIME ZONE 'Australia/Sydney'")
        rows = connection.execute(f"SELECT {view.columns} FROM analytics.{table}".encode()).fetchall()
    return [
        {
            name: str(value) if isinstance(value, UUID) else value
            for name, value in zip(view.view.columns, row, strict=True)
        }
        for row in rows
    ]


def in_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def in_utc(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()
    }


# --- what it holds


@pytest.mark.parametrize("table", [each.name for each in TABLES])
async def test_each_table_holds_what_its_view_shows(stores: Stores, tmp_path: Path, table: str) -> None:
    written(stores, tmp_path)

    found = read(tmp_path, table)

    time_column = next(each.time for each in TABLES if each.name == table)
    assert all(row["day"] == row[time_column].astimezone(UTC).date() for row in found)
    without_day = [{name: value for name, value in row.items() if name != "day"} for row in found]
    assert in_order([in_utc(row) for row in without_day]) == in_order(
        [in_utc(row) for row in shown(stores, table)]
    )
    assert found, "there is something to compare"


async def test_files_are_what_other_tools_expect(stores: Stores, tmp_path: Path) -> None:
    written(stores, tmp_path)

    for path in tmp_path.rglob(FILE):
        file = parquet.ParquetFile(path)
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        assert "day" not in file.schema_arrow.names, "the folder says it"
        for field in file.schema_arrow:
            assert field.type in (
                *(pa.string(), pa.int32(), pa.int64(), pa.bool_(), pa.timestamp("us", tz="UTC")),
            )
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {FILE, MANIFEST, ".lock"}


async def test_a_day_that_is_read_in_pieces_is_whole(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.dataset.ROWS_AT_ONCE", 2)

    written(stores, tmp_path)

    assert len(read(tmp_path, "messages")) == len(shown(stores, "messages"))


# --- what is written again


async def test_a_folder_that_is_made_is_for_its_owner_alone_and_one_that_is_there_stays_as_it_is(
    stores: Stores, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)

    written(stores, tmp_path / "made")
    written(stores, shared)

    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (tmp_path / "made", shared)] == [0o700, 0o755]


async def test_nothing_is_written_again_where_nothing_has_changed(stores: Stores, tmp_path: Path) -> None:
    first = written(stores, tmp_path)
    before = files(tmp_path)

    project(stores.conninfo)
    with projecting(stores.conninfo) as process:
        process.rebuild()
    again = written(stores, tmp_path)

    assert first.written == len(before) > FILES_AT_LEAST
    assert again == Written(written=0, removed=0, unchanged=len(before))
    assert files(tmp_path) == before


async def test_only_days_that_have_changed_are_written_again(stores: Stores, tmp_path: Path) -> None:
    written(stores, tmp_path)
    before = files(tmp_path)
    store = stores.reopen(0)
    (session_id, started_at), *_ = execute(
        stores.conninfo, "SELECT session_id, started_at FROM analytics.sessions WHERE messages = 1 ORDER BY 2"
    )
    session = await store.load(session_id)
    assert session is not None

    # Whatever the domain would say: here it is about what comes of it.
    at = datetime(2026, 11, 5, tzinfo=UTC)
    await store.append(session_id, session.version, [VisitorMessagePosted(UUID(int=9), "And now?")], at)
    project(stores.conninfo)
    written(stores, tmp_path)

    assert rewritten(before, files(tmp_path)) == {
        f"sessions/day={started_at.astimezone(UTC).date()}",
        "messages/day=2026-11-05",
    }


async def test_an_erased_visitors_rows_are_written_again_without_text(stores: Stores, tmp_path: Path) -> None:
    written(stores, tmp_path)
    before, rows = files(tmp_path), len(read(tmp_path, "messages"))
    store = stores.reopen(0)
    ((session_id,), *_) = execute(
        stores.conninfo, "SELECT session_id FROM analytics.details WHERE key = 'email' ORDER BY given_at"
    )
    session = await store.load(session_id)
    assert session is not None
    for each in await store.sessions_of(session.visitor_id):
        latest = await store.load(each)
        assert latest is not None
        await store.append(each, latest.version, [VisitorErased()], latest.quiet_since)
    await WrappedKeyring(MASTER_KEY, stores.keys).destroy(session.visitor_id)
    project(stores.conninfo)

    written(stores, tmp_path)

    erased = {row["session_id"] for row in read(tmp_path, "sessions") if row["is_erased"]}
    assert str(session_id) in erased
    said = {"messages": "text", "replies": "text", "suggestions": "text", "details": "value"}
    for table, text in said.items():
        texts = [row[text] for row in read(tmp_path, table) if row["session_id"] in erased]
        assert set(texts) <= {None}
    assert len(read(tmp_path, "messages")) == rows
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert session.details["email"].encode() not in everything
    assert len(rewritten(before, files(tmp_path))) < len(before) / 2


async def test_days_that_are_no_more_are_removed(stores: Stores, tmp_path: Path) -> None:
    written(stores, tmp_path)
    execute(stores.conninfo, f"DELETE FROM {build(stores, 'analytics')}.warnings")

    done = written(stores, tmp_path)

    assert done.removed > 0
    assert not list((tmp_path / "warnings").iterdir())


async def test_a_file_that_somebody_has_removed_is_written_again(stores: Stores, tmp_path: Path) -> None:
    written(stores, tmp_path)
    before = files(tmp_path)
    lost = next(iter(sorted(before)))
    (tmp_path / lost).unlink()

    assert written(stores, tmp_path).written == 1
    assert files(tmp_path).keys() == before.keys()


def build(stores: Stores, name: str) -> str:
    query = "SELECT build FROM projections WHERE name = %s AND state = 'live'"
    return execute(stores.conninfo, query, name)[0][0]


# --- what comes between

KILLED = """
import os, signal, sys
from pathlib import Path
from projections import dataset
left = [int(sys.argv[3])]
real = os.fsync
def fsync(number):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(number)
os.fsync = fsync
dataset.write_dataset(sys.argv[1], Path(sys.argv[2]), lambda done, total: None)
"""


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 30])
async def test_a_run_that_is_killed_leaves_whole_files_and_the_next_one_the_rest(
    stores: Stores, tmp_path: Path, steps: int
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, stores.conninfo, str(tmp_path), str(steps)], check=False
    )
    assert killed.returncode == -signal.SIGKILL

    for path in tmp_path.rglob(FILE):
        parquet.read_table(path)
    done = set(files(tmp_path))
    written(stores, tmp_path)

    assert steps < 2 or done
    for table in TABLES:
        assert len(read(tmp_path, table.name)) == len(shown(stores, table.name))
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {FILE, MANIFEST, ".lock"}
    assert written(stores, tmp_path).written == 0


async def test_two_runs_at_once_dont_write_into_one_folder(stores: Stores, tmp_path: Path) -> None:
    def meanwhile(done: int, total: int) -> None:
        written(stores, tmp_path)

    with pytest.raises(DatasetError, match="another process"):
        write_dataset(stores.conninfo, tmp_path, meanwhile)

    assert written(stores, tmp_path).written > 0


async def test_a_manifest_that_isnt_one_is_named(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("{")

    with pytest.raises(DatasetError, match=f"{MANIFEST} can't be read: remove it"):
        written(stores, tmp_path)


async def test_files_of_another_format_are_all_written_again(stores: Stores, tmp_path: Path) -> None:
    written(stores, tmp_path)
    manifest = msgspec.json.decode((tmp_path / MANIFEST).read_bytes())
    (tmp_path / MANIFEST).write_bytes(msgspec.json.encode({**manifest, "format": 0}))

    assert written(stores, tmp_path) == Written(len(files(tmp_path)), 0, 0)
