"""`verbatim projections`, as somebody uses it, also after a return to an older release."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from api.app import open_builds
from api.cli import main
from projections.status import BuildStatus, at_their_pace
from tests.support.postgres import execute

Run = Callable[..., Result]
DEMO = ("demo-data", "--sessions", "5", "--until", "2026-10-31")


@pytest.fixture
def environment(new_conninfo: str, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}


@pytest.fixture
def run(environment: Mapping[str, str]) -> Run:
    """The command in this process."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment)

    return run


def test_tables_that_are_newer_are_told_of_and_nothing_waits_for_them(run: Run, new_conninfo: str) -> None:
    run(*DEMO)
    # As a newer release would leave them.
    execute(new_conninfo, "UPDATE projections SET version = 99 WHERE name = 'transcripts'")

    told = (
        "transcripts: its tables are of version 99, and this Verbatim makes version 1; nothing takes the log"
    )
    waiting = (("retry",), ("retry", "transcripts"), ("rebuild",), ("rebuild", "sessions"))
    for refused in (
        *(run("projections", *each) for each in (("status",), *waiting)),
        run(*DEMO[:2], "6", *DEMO[3:]),
    ):
        assert refused.exit_code == 69, refused.output
        assert told in refused.stderr
        assert "verbatim projections rebuild --downgrade" in refused.stderr

    assert run("projections", "retry", "sessions").exit_code == 0, "others go on"
    assert run("projections", "rebuild", "sessions", "--downgrade").exit_code == 0
    standing = run("projections", "status")
    assert standing.exit_code == 0, standing.output
    assert "99" not in standing.stdout
    assert execute(new_conninfo, "SELECT count(*) FROM live.sessions") == [(11,)]


def test_what_is_being_built_is_shown(run: Run, new_conninfo: str) -> None:
    run(*DEMO)
    with open_builds(new_conninfo) as builds:
        begun = builds.begin("sessions")

    shown = run("projections", "status")
    told = msgspec.json.decode(run("projections", "status", "--json").stdout)

    (line,) = [line for line in shown.stdout.splitlines() if "building" in line]
    assert line.split() == [
        *["sessions", "2", "building", "0"],
        str(told["builds"][-1]["head"]),
        "0",
        "no",
        "unknown",
    ]
    (built,) = [build for build in told["builds"] if build["build"] == begun.build]
    assert (built["is_driven"], built["seconds_left"]) == (False, None)


def test_what_is_left_is_told_at_the_pace_of_now() -> None:
    def standing(position: int, state: str = "building") -> BuildStatus:
        return BuildStatus("sessions_2", "sessions", 2, state, position, 5_000, 0, is_driven=True)

    (timed,) = at_their_pace([standing(1_000)], [standing(2_000)], seconds=2)
    (stuck,) = at_their_pace([standing(1_000)], [standing(1_000)], seconds=2)
    (live,) = at_their_pace([standing(1_000, "live")], [standing(2_000, "live")], seconds=2)

    assert (timed.seconds_left, stuck.seconds_left, live.seconds_left) == (6, None, None)
