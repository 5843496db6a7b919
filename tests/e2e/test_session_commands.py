"""Commands for one session: transcripts, replays and exports, as people and scripts ask for them."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
import uvloop

from api.app import open_store
from domain.events import (
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionEnded,
    SessionStarted,
    VisitorMessagePosted,
)
from domain.session import erase
from infrastructure.clock import SystemClock
from infrastructure.settings import read_settings
from projections.exports import EXPORTS
from tests.support.commands import Run


@pytest.fixture
def environment(conninfo: str, data_dir: Path) -> dict[str, str]:
    return {"DATABASE_URL": conninfo, "VERBATIM_DATA_DIR": str(data_dir), "COLUMNS": "200"}


# --- transcripts


async def test_a_transcript_is_printed(environment: Mapping[str, str], session_id: UUID) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.entry", "transcript", str(session_id)),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)

    assert (process.returncode, errors) == (0, b"")
    heading, entry = output.decode().strip().split("\n\n")
    assert heading.startswith(f"Session {session_id}\nStarted: ")
    assert entry.endswith(" UTC] Visitor: Hello <b>there</b>")


def test_a_transcript_is_printed_in_every_format(run: Run, session_id: UUID) -> None:
    shown = {
        name: run("transcript", str(session_id), "--format", name).stdout
        for name in ("text", "markdown", "html", "json")
    }

    assert "Hello <b>there</b>" in shown["text"]
    assert r"> Hello \<b>there\</b>" in shown["markdown"]
    assert "Hello &lt;b&gt;there&lt;/b&gt;" in shown["html"]
    assert msgspec.json.decode(shown["json"])["entries"][0]["text"] == "Hello <b>there</b>"


@pytest.mark.parametrize("command", ["transcript", "replay", "export"])
def test_a_session_that_isnt_in_the_log_is_told_by_the_exit_code(run: Run, command: str) -> None:
    refused = run(command, str(UUID(int=1)))

    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr == f"Session {UUID(int=1)} is not in the log.\n"


# --- replays and exports


def test_a_replay_shows_who_said_what_and_when(run: Run, session_id: UUID) -> None:
    shown = run("replay", str(session_id), "--speed", "max", "--no-follow")

    assert (shown.exit_code, shown.stderr) == (0, "")
    assert re.fullmatch(r"\n\[[\d-]{10} [\d:]{8} UTC\] Visitor: Hello <b>there</b>\n", shown.stdout)


def test_a_replay_begins_after_a_cursor(run: Run, session_id: UUID) -> None:
    assert run("replay", str(session_id), "--no-follow", "--after", "2.0").stdout == ""
    ahead = run("replay", str(session_id), "--no-follow", "--after", "3.0")
    assert ahead.exit_code == 2
    assert ahead.stderr == "after is ahead of the session, which is at 2.0\n"


async def test_a_replay_follows_a_session_that_another_process_goes_on_with(
    environment: Mapping[str, str], new_conninfo: str, tmp_path: Path
) -> None:
    environment = {**environment, "DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(tmp_path / "data")}
    session_id, message_id, response_id = uuid4(), uuid4(), uuid4()
    clock = SystemClock()
    async with open_store(read_settings(environment), new_conninfo) as store:
        now = clock.now()
        started = SessionStarted(uuid4(), now + timedelta(days=1))
        asked = VisitorMessagePosted(message_id, "Is anybody there?")
        await store.append(session_id, 0, [started, asked], now)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api.entry", "replay", str(session_id)),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert (await process.stdout.readuntil(b"?\n")).endswith(b"] Visitor: Is anybody there?\n")

        begun = [ReplyStarted(response_id, message_id, "guide"), ReplyChunksRecorded((0,), ("I ",))]
        await store.append(session_id, 2, begun, clock.now())
        assert (await process.stdout.readuntil(b"I ")).endswith(b"] Assistant: I ")
        rest = [ReplyChunksRecorded((0, 0), ("am", ".")), ReplyCompleted(response_id, "hash")]
        await store.append(session_id, 4, [*rest, SessionEnded("deleted")], clock.now())
        rest_of_it = (await process.stdout.read()).decode()

    assert await process.wait() == 0
    assert rest_of_it.startswith("am.\n\n[")
    assert rest_of_it.endswith("] Service: The session was ended on request.\n")


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_printed_or_written(run: Run, session_id: UUID, tmp_path: Path, name: str) -> None:
    path = tmp_path / "session"

    printed = run("export", str(session_id), "--format", name)
    written = run("export", str(session_id), "--format", name, "--out", str(path))

    assert (printed.exit_code, written.exit_code, written.output) == (0, 0, "")
    assert printed.stdout_bytes == path.read_bytes()
    assert b"there" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["json", "zip"])
def test_an_export_to_a_folder_that_isnt_there_is_told_in_one_line(
    run: Run, session_id: UUID, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "missing" / "session"

    refused = run("export", str(session_id), "--format", name, "--out", str(path))

    assert refused.exit_code == 2
    assert refused.stderr == f"{path} can't be written: there is no folder {path.parent}\n"


async def test_whoever_has_read_enough_of_an_export_is_told_nothing(
    environment: Mapping[str, str], session_id: UUID
) -> None:
    command = f"set -o pipefail; {sys.executable} -m api.entry export {session_id} | true"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command), env={**os.environ, **environment}, stderr=asyncio.subprocess.PIPE
    )

    _, errors = await asyncio.wait_for(process.communicate(), 30)

    assert errors == b""


def test_a_visitor_who_was_erased_can_be_exported_and_not_replayed(
    run: Run, environment: Mapping[str, str], session_id: UUID
) -> None:
    async def forget() -> None:
        async with open_store(read_settings(environment), environment["DATABASE_URL"]) as store:
            session = await store.refresh(session_id)
            assert session is not None
            await store.append(session_id, session.version, erase(session), SystemClock().now())

    uvloop.run(forget())
    refused = run("replay", str(session_id))
    shown = run("export", str(session_id), "--format", "text")

    assert refused.exit_code == 1
    assert refused.stderr == f"Session {session_id} can't be replayed: its visitor was erased.\n"
    assert "] Visitor (left unanswered): [erased]\n" in shown.stdout
    assert "there" not in shown.stdout
