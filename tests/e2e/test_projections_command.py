"""`verbatim projections`, as somebody uses it, also after a return to an older release."""

from collections.abc import Mapping

import msgspec
import pytest

from api.app import open_builds, open_runner
from infrastructure.settings import read_settings
from tests.support.commands import Run
from tests.support.postgres import execute

DEMO = ("demo-data", "--sessions", "5", "--until", "2026-10-31")


def test_tables_that_are_newer_are_told_of_and_nothing_waits_for_them(
    run: Run, environment: Mapping[str, str], new_conninfo: str, caplog: pytest.LogCaptureFixture
) -> None:
    run(*DEMO)
    # As a newer release would leave them.
    execute(new_conninfo, "UPDATE projections SET version = 99 WHERE name = 'transcripts'")

    told = (
        "transcripts: its tables are of version 99, and this Verbatim makes version 2; nothing takes the log"
    )
    waiting = (("retry",), ("retry", "transcripts"), ("rebuild",), ("rebuild", "sessions"))
    for refused in (
        *(run("projections", *each) for each in (("status",), *waiting)),
        run(*DEMO[:2], "6", *DEMO[3:]),
    ):
        assert refused.exit_code == 69, refused.output
        assert told in refused.stderr
        assert "verbatim projections rebuild --downgrade" in refused.stderr

    ((visitor_id,),) = execute(new_conninfo, "SELECT visitor_id FROM live.sessions LIMIT 1")
    erased = run("erase", str(visitor_id), "--yes")
    assert (erased.exit_code, told in erased.stderr) == (69, True), "it is erased, and isn't waited for"
    assert "is erased, since" in erased.stdout
    retained = run("retain", VERBATIM_RETENTION_DAYS="1")
    assert (retained.exit_code, told in retained.stderr) == (69, True)

    with open_runner(read_settings(environment), new_conninfo):
        assert "transcripts has tables of version 99, which this code leaves alone" in caplog.text
    others = run("projections", "retry", "sessions")
    assert (others.exit_code, others.stdout) == (0, "Nothing is set aside.\n"), "others go on"
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
