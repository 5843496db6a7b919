"""`verbatim demo-data` and `verbatim export`, as somebody uses them."""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from pyarrow import dataset

from domain.deadlines import IdleRules
from infrastructure.deadlines import PostgresDeadlines
from infrastructure.postgres import Database
from tests.support.commands import Run
from tests.support.postgres import execute
from tests.support.service import ServiceProcess
from tests.support.waiting import until

DEMO = ("demo-data", "--sessions", "40", "--until", "2026-10-31")


# --- demo-data


def test_a_history_can_be_queried_as_soon_as_it_is_made(run: Run, new_conninfo: str) -> None:
    made = run(*DEMO)

    assert (made.exit_code, made.stdout) == (0, "40 sessions are on the record, up to 2026-10-31.\n")
    assert execute(new_conninfo, "SELECT count(*), max(ended_at) < '2026-11-01' FROM analytics.endings") == [
        (40, True)
    ]
    ((session_id,),) = execute(
        new_conninfo, "SELECT session_id FROM analytics.messages ORDER BY posted_at LIMIT 1"
    )
    said = run("transcript", str(session_id))
    assert "Visitor: " in said.stdout
    assert "Assistant" in said.stdout


def test_what_is_there_isnt_made_twice(run: Run, new_conninfo: str) -> None:
    run(*DEMO)
    before = execute(new_conninfo, "SELECT count(*), max(notification_id) FROM stored_events")

    again = run(*DEMO)

    assert again.stdout == "0 sessions are on the record, up to 2026-10-31; 40 were there already.\n"
    assert execute(new_conninfo, "SELECT count(*), max(notification_id) FROM stored_events") == before


def test_what_was_erased_since_isnt_made_again(run: Run, new_conninfo: str) -> None:
    run(*DEMO)
    ((visitor_id,),) = execute(
        new_conninfo, "SELECT visitor_id FROM live.sessions ORDER BY started_at LIMIT 1"
    )
    assert run("erase", str(visitor_id), "--yes").exit_code == 0

    again = run(*DEMO)

    assert again.stdout == "0 sessions are on the record, up to 2026-10-31; 40 were there already.\n"


def test_more_can_be_made_of_other_days_and_by_another_seed(run: Run, new_conninfo: str) -> None:
    run(*DEMO)
    run("demo-data", "--sessions", "10", "--until", "2026-09-30", "--days", "2")
    run("demo-data", "--sessions", "10", "--until", "2026-09-30", "--days", "2", "--seed", "2")

    assert execute(
        new_conninfo, "SELECT sum(conversations) FROM analytics.daily WHERE day < '2026-10-01'"
    ) == [(20,)]


def test_by_default_it_ends_yesterday(run: Run, new_conninfo: str) -> None:
    made = run("demo-data", "--sessions", "5", "--days", "1")

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert f"up to {yesterday}." in made.stdout
    assert execute(new_conninfo, "SELECT DISTINCT day FROM analytics.daily") == [(yesterday,)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--sessions", "0"), "0 is not in the range"),
        (("--sessions", "many"), "'many' is not a valid integer"),
        (("--sessions", "5", "--days", "0"), "0 is not in the range"),
        (("--sessions", "5", "--until", "soon"), "'soon' does not match"),
        (("--sessions", "5", "--until", "2999-01-01"), "2999-01-01 isn't over yet: give "),
        (("--sessions", "5", "--until", "0001-01-05"), "no calendar has 30 days before 0001-01-05"),
        ((), "Missing option '--sessions'"),
    ],
)
def test_what_cant_be_made_is_told(run: Run, options: tuple[str, ...], says: str) -> None:
    refused = run("demo-data", *options)

    assert refused.exit_code == 2
    assert says in " ".join(refused.output.replace("│", " ").split())


async def test_a_service_that_runs_finds_nothing_to_do_in_it(
    environment: Mapping[str, str], new_conninfo: str, tmp_path: Path
) -> None:
    process = ServiceProcess(environment, tmp_path / "log")
    await process.start()
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.entry", *DEMO),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    database = Database(new_conninfo, max_connections=1)
    await database.open()
    table = PostgresDeadlines(database, IdleRules())

    async def has_looked() -> bool:
        position = (
            "SELECT position >= (SELECT max(notification_id) FROM stored_events) FROM deadlines_position"
        )
        return execute(new_conninfo, position) == [(True,)]

    await until(has_looked, "the service to have looked at all of it")
    await until(
        lambda: execute(new_conninfo, "SELECT count(*) FROM deadlines") == [(0,)], "nothing to be due"
    )
    assert await table.missing_speakers() == frozenset()
    await database.close()
    assert await process.stop() == 0
    ended = "SELECT count(*) FROM stored_events WHERE topic = 'session_ended.v1'"
    assert execute(new_conninfo, ended) == [(40,)]
    assert execute(new_conninfo, "SELECT max(ended_at) < '2026-11-01' FROM analytics.endings") == [(True,)]


# --- export


def test_a_dataset_is_written_and_brought_up_to_date(run: Run, tmp_path: Path) -> None:
    run(*DEMO)
    out = str(tmp_path / "dataset")

    first = run("export", "--format", "parquet", "--out", out)
    again = run("export", "--format", "parquet", "--out", out)

    assert first.exit_code == again.exit_code == 0
    assert first.stdout.endswith(" files written, 0 removed, 0 unchanged.\n")
    assert again.stdout.startswith(f"{out}: 0 files written, 0 removed, ")
    assert dataset.dataset(Path(out) / "sessions", partitioning="hive").count_rows() == 40


def test_a_dataset_of_an_empty_log_is_empty(run: Run, tmp_path: Path) -> None:
    done = run("export", "--format", "parquet", "--out", str(tmp_path / "dataset"))

    assert done.exit_code == 0
    assert done.stdout.endswith("0 files written, 0 removed, 0 unchanged.\n")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--format", "parquet"), "--format parquet needs --out, a folder"),
        (("--out", "x"), "Which session? Name one, or ask for --format parquet"),
        (("--format", "avro", "--out", "x"), "'avro' is not"),
    ],
)
def test_what_cant_be_exported_is_told(run: Run, options: tuple[str, ...], says: str) -> None:
    refused = run("export", *options)

    assert refused.exit_code == 2
    assert says in " ".join(refused.output.replace("│", " ").split())


def test_a_folder_that_cant_be_made_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    refused = run("export", "--format", "parquet", "--out", str(tmp_path / "file" / "dataset"))

    assert refused.exit_code == 2
    assert refused.stderr == f"{tmp_path / 'file' / 'dataset'}: Not a directory\n"


def test_a_manifest_that_isnt_one_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "_manifest.json").write_bytes(msgspec.json.encode([1]))

    refused = run("export", "--format", "parquet", "--out", str(tmp_path))

    assert refused.exit_code == 2
    assert refused.stderr == (
        f"{tmp_path}/_manifest.json can't be read: remove it, and all days are written again\n"
    )


async def test_without_pyarrow_the_way_to_it_is_told(environment: Mapping[str, str], tmp_path: Path) -> None:
    without = "import sys; sys.modules['pyarrow'] = None; from api.entry import main; main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", without, "export", "--format", "parquet", "--out", str(tmp_path)),
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 2
    assert errors.decode() == (
        "pyarrow isn't installed, which writes Parquet: pip install 'verbatim-chat[parquet]'\n"
    )
