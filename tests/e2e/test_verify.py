"""`verbatim verify`, `anchor` and `export --format zip`: what an auditor does, with what nobody else should
do in between."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
import uvloop

from api.app import open_runner, open_store
from domain.events import SessionStarted, VisitorMessagePosted
from infrastructure.anchors import read_anchor
from infrastructure.clock import SystemClock
from infrastructure.settings import read_settings
from tests.support.commands import Run
from tests.support.postgres import execute


@pytest.fixture
def session_id(environment: Mapping[str, str]) -> UUID:
    """A session in which a visitor has said hello."""
    return start_session(environment)


def start_session(environment: Mapping[str, str]) -> UUID:
    async def chat() -> UUID:
        session_id, visitor_id, now = uuid4(), uuid4(), SystemClock().now()
        async with open_store(read_settings(environment), environment["DATABASE_URL"]) as store:
            events = [SessionStarted(visitor_id, now), VisitorMessagePosted(uuid4(), "Hello there")]
            await store.append(session_id, 0, events, now)
        return session_id

    return uvloop.run(chat())


def flip_a_byte(conninfo: str, session_id: UUID) -> None:
    execute(
        conninfo,
        "UPDATE stored_events SET state = set_byte(state, 40, get_byte(state, 40) # 1) "
        "WHERE originator_id = %s AND originator_version = 2",
        session_id,
    )


def test_a_log_that_nobody_touched_is_verified(run: Run, session_id: UUID) -> None:
    whole, single = run("verify", "--all"), run("verify", str(session_id))

    assert (whole.exit_code, single.exit_code) == (0, 0), whole.output + single.output
    for verified, speed in ((whole, r", [\d,]+ events/s"), (single, "")):
        first, second = verified.stdout.splitlines()
        expected = "nothing to find fault with: 2 events of 1 session, 0 checkpoints"
        assert re.fullmatch(expected + speed, first), "how fast says nothing of a single session"
        assert second.startswith("Not yet under a checkpoint: the latest 2 events (since 20")


def test_a_table_that_does_not_tell_what_the_log_does_is_named(
    run: Run, environment: Mapping[str, str], session_id: UUID
) -> None:
    conninfo = environment["DATABASE_URL"]
    with open_runner(read_settings(environment), conninfo) as runner:
        while runner.step():
            pass
    whole, single = run("verify", "--all"), run("verify", str(session_id))
    assert (whole.exit_code, single.exit_code) == (0, 0), whole.output + single.output

    (schema,) = execute(conninfo, "SELECT build FROM projections WHERE name = 'transcripts'")[0]
    execute(conninfo, f"UPDATE {schema}.entries SET text = 'I never said that'")
    whole, single = run("verify", "--all"), run("verify", str(session_id))

    assert (whole.exit_code, single.exit_code) == (65, 65)
    named = f"session {session_id}, version 2: the table entries of the projection transcripts: text: "
    for verified in (whole, single):
        assert verified.stdout.startswith(named)
        assert "1 finding: 2 events of 1 session" in verified.stdout
        assert "I never said that" not in verified.output


def test_tables_that_can_not_be_compared_are_told_of_and_are_no_fault(
    run: Run, environment: Mapping[str, str], session_id: UUID
) -> None:
    run("verify", str(session_id))
    execute(environment["DATABASE_URL"], "UPDATE projections SET version = 99 WHERE name = 'sessions'")

    for verified in (run("verify", "--all"), run("verify", str(session_id))):
        told, summary, *_ = verified.stdout.splitlines()
        assert told.startswith("projection sessions: its tables are of version 99, and this Verbatim makes")
        assert summary.startswith("nothing to find fault with: 2 events of 1 session")
        assert verified.exit_code == 69


def test_an_empty_log_is_verified_too(run: Run) -> None:
    verified = run("verify", "--all")

    assert verified.exit_code == 0
    assert "0 events of 0 sessions" in verified.stdout


def test_one_byte_that_was_changed_is_named_and_told_by_the_exit_code(
    run: Run, session_id: UUID, new_conninfo: str
) -> None:
    run("anchor")
    flip_a_byte(new_conninfo, session_id)

    for verified in (run("verify", "--all"), run("verify", str(session_id))):
        assert verified.exit_code == 65
        *findings, summary = verified.stdout.splitlines()
        assert findings
        assert all(line.startswith(f"session {session_id}, version 2: ") for line in findings)
        assert f"{len(findings)} finding" in summary
        assert "2 events of 1 session, 1 checkpoint" in summary


def test_a_session_that_isnt_in_the_log_is_told_by_the_exit_code(run: Run, tmp_path: Path) -> None:
    unknown = str(UUID(int=1))

    out = ("--out", str(tmp_path / "proof.zip"))
    for refused in (run("verify", unknown), run("export", unknown, "--format", "zip", *out)):
        assert refused.exit_code == 1
        assert refused.stderr == f"Session {unknown} is not in the log.\n"
    assert not (tmp_path / "proof.zip").exists()


def test_an_anchor_of_nothing_is_not_made(run: Run) -> None:
    refused = run("anchor")

    assert refused.exit_code == 1
    assert refused.stderr == "Nothing is recorded yet: there is nothing to sign.\n"


def test_an_anchor_covers_all_that_is_recorded_when_it_is_made(run: Run, session_id: UUID) -> None:
    anchored = run("anchor")

    assert anchored.exit_code == 0, anchored.output
    (checkpoint,) = read_anchor(anchored.stdout_bytes).checkpoints
    assert (checkpoint.number, checkpoint.events) == (1, 2)
    assert "Not yet" not in run("verify", "--all").stdout


def test_an_anchor_for_a_folder_that_isnt_there_is_told_in_one_line(
    run: Run, session_id: UUID, tmp_path: Path
) -> None:
    path = tmp_path / "missing" / "anchor.json"

    refused = run("anchor", "--out", str(path))

    assert refused.exit_code == 2
    assert refused.stderr == f"{path} can't be written: there is no folder {path.parent}\n"


def test_an_anchor_convicts_a_log_that_was_cut_off_with_its_checkpoints(
    run: Run, environment: Mapping[str, str], new_conninfo: str, tmp_path: Path
) -> None:
    start_session(environment)
    run("anchor")
    cut_off = start_session(environment)
    latest, everything = tmp_path / "latest.json", tmp_path / "all.json"
    run("anchor", "--out", str(latest))
    run("anchor", "--all", "--out", str(everything))
    assert [len(read_anchor(path.read_bytes()).checkpoints) for path in (latest, everything)] == [1, 2]
    assert run("verify", "--all", "--anchor", str(latest)).exit_code == 0
    execute(new_conninfo, "DELETE FROM stored_events WHERE originator_id = %s", cut_off)
    execute(new_conninfo, "DELETE FROM checkpoints WHERE number = 2")

    assert run("verify", "--all").exit_code == 0, "nothing that is left tells of it"
    convicted, named = (
        run("verify", "--all", "--anchor", str(latest)),
        run("verify", "--all", "--anchor", str(everything)),
    )

    assert (convicted.exit_code, named.exit_code) == (65, 65)
    assert "it was anchored, and is missing" in convicted.stdout
    assert f"session {cut_off}, versions 1 to 2: removed or moved" in named.stdout


def test_a_file_that_is_no_anchor_is_refused_and_told_why(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    path.write_bytes(msgspec.json.encode({"public_key": "", "checkpoints": []}))

    refused = run("verify", "--all", "--anchor", str(path))

    assert refused.exit_code == 2
    assert "is no anchor: it holds no checkpoint" in refused.stderr


def test_the_signing_key_can_be_set_by_itself(run: Run, session_id: UUID) -> None:
    signed = run("anchor", VERBATIM_SIGNING_KEY="A" * 43 + "=")
    own, other = run("verify", "--all", VERBATIM_SIGNING_KEY="A" * 43 + "="), run("verify", "--all")

    assert signed.exit_code == 0
    assert own.exit_code == 0
    assert other.exit_code == 65
    assert "while this service's is" in other.stdout


@pytest.mark.parametrize("with_key", [False, True])
def test_a_proof_is_written_that_a_python_without_packages_verifies(
    run: Run, session_id: UUID, tmp_path: Path, with_key: bool
) -> None:
    out = tmp_path / "proof.zip"

    key = ["--with-key"] if with_key else []
    written = run("export", str(session_id), "--format", "zip", "--out", str(out), *key)

    assert written.exit_code == 0, written.output
    assert out.stat().st_mode & 0o777 == 0o600, "the key in it is nobody else's to read"
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "proof")
    verified = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "proof" / "verify.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout
    assert "holds version 2 and so all before it" in verified.stdout
    assert ("words shown are those that were sealed" in verified.stdout) is with_key
