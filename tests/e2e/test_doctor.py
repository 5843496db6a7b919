"""`verbatim doctor` on what really is wrong: each is told in a line of its own, with what to do."""

import asyncio
import base64
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from click.testing import Result
from psycopg.conninfo import make_conninfo

from tests.support.commands import Run
from tests.support.openai_server import Answer, OpenAIServer
from tests.support.postgres import execute
from tests.support.redis import RedisServer
from tests.support.service import ServiceProcess

DEMO = ("demo-data", "--sessions", "3", "--until", "2026-10-31")
HEALTHY = (
    *("settings", "data folder", "port", "database", "tables"),
    *("master key", "clock", "log", "checkpoints", "projections", "deadlines"),
)


@pytest.fixture
def environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    """On no port in particular: the usual one may be taken."""
    return {**environment, "VERBATIM_PORT": "0"}


@pytest.fixture
def healthy(run: Run) -> Run:
    """The same, where some history is recorded, signed and in the tables."""
    assert run(*DEMO).exit_code == 0
    assert run("anchor").exit_code == 0
    return run


def about(result: Result) -> Mapping[str, tuple[str, str]]:
    """What is said about each thing: ok or FAIL, and the rest of the line."""
    lines = [re.fullmatch(r"(ok|FAIL|-) +(.+?)  +(.+)", line) for line in result.stdout.splitlines()]
    assert all(lines), result.output
    return {line[2]: (line[1], line[3]) for line in lines if line}


def test_where_all_is_well_every_line_is_ok(healthy: Run) -> None:
    examined = healthy("doctor")

    said = about(examined)
    assert {name: mark for name, (mark, _) in said.items()} == dict.fromkeys(HEALTHY, "ok"), examined.output
    assert examined.exit_code == 0


def test_nothing_is_made_where_nothing_has_run_yet(run: Run, tmp_path: Path) -> None:
    examined = run("doctor", DATABASE_URL="")

    assert (examined.exit_code, about(examined)["database"][0]) == (0, "ok")
    assert not (tmp_path / "data").exists()


def test_without_tables_what_needs_them_is_not_asked(run: Run, new_conninfo: str) -> None:
    execute(new_conninfo, "DROP TABLE checkpoints")

    examined = run("doctor")

    said = about(examined)
    assert examined.exit_code == 1
    assert said["tables"] == (
        "FAIL",
        "missing: master_key_check, checkpoints, projections. "
        "Start the service, as a role that may create tables",
    )
    assert said["log"][0] == "-"
    assert execute(new_conninfo, "SELECT to_regclass('projections')") == [(None,)], "nothing was made"


@pytest.mark.parametrize(
    ("settings", "thing", "says"),
    [
        ({"VERBATIM_PORT": "high"}, "settings", "VERBATIM_PORT='high' is not accepted"),
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}, "database", "can't be used: "),
        ({"VERBATIM_MASTER_KEY": base64.b64encode(bytes(32)).decode()}, "master key", "isn't the one"),
        (
            {"REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"},
            "Redis",
            "REDIS_URL can't be reached (ConnectionError)",
        ),
        ({"OPENAI_BASE_URL": "http://u:hunter2@127.0.0.1:1/v1"}, "model", "the server can't be reached"),
    ],
)
def test_what_is_set_wrong_is_told(healthy: Run, settings: dict[str, str], thing: str, says: str) -> None:
    examined = healthy("doctor", **settings)

    mark, said = about(examined)[thing]
    assert (examined.exit_code, mark) == (1, "FAIL"), examined.output
    assert says in said
    assert "hunter2" not in examined.output
    assert base64.b64encode(bytes(32)).decode() not in examined.output


@pytest.mark.parametrize(
    ("wrong", "thing", "says"),
    [
        (
            "DELETE FROM stored_events "
            "WHERE notification_id = (SELECT max(notification_id) - 1 FROM stored_events)",
            "log",
            "nothing comes before version",
        ),
        ("DELETE FROM checkpoints", "checkpoints", "isn't signed: start a service, or run verbatim anchor"),
        ("UPDATE projections SET version = 99", "projections", "are of version 99"),
        (
            "INSERT INTO projection_faults (build, session_id, version, position, topic, error) "
            "SELECT build, gen_random_uuid(), 1, 1, '', '' FROM projections LIMIT 1",
            "projections",
            "1 sessions are set aside",
        ),
        (
            "UPDATE notification_tracking SET notification_id = 1",
            "projections",
            "no process takes the log into analytics, conversation_data, sessions, transcripts",
        ),
        (
            "INSERT INTO deadlines (session_id, due_at, expires_at) "
            "VALUES (gen_random_uuid(), now() - interval '1 hour', now())",
            "deadlines",
            "1 sessions should have been warned or ended, one 1:00:0",
        ),
    ],
)
def test_what_is_wrong_in_the_database_is_told(
    healthy: Run, new_conninfo: str, wrong: str, thing: str, says: str
) -> None:
    execute(new_conninfo, wrong)

    examined = healthy("doctor")

    failed = {name: said for name, (mark, said) in about(examined).items() if mark == "FAIL"}
    assert examined.exit_code == 1
    assert [*failed] == [thing], examined.output
    assert says in failed[thing]


@pytest.mark.parametrize(
    ("instead", "thing", "says"),
    [
        (
            "clock_timestamp() RETURNS timestamptz RETURN pg_catalog.clock_timestamp() + interval '5 s'",
            "clock",
            "this machine's is -5.0 s off the database's: set both by NTP",
        ),
        (
            "current_setting(text) RETURNS text "
            "RETURN CASE $1 WHEN 'server_version' THEN '14.9' ELSE '140009' END",
            "database",
            "it is PostgreSQL 14.9: take a version from 15 to 18",
        ),
    ],
)
def test_a_server_that_is_too_old_or_whose_clock_is_wrong_is_told_of(
    healthy: Run, new_conninfo: str, instead: str, thing: str, says: str
) -> None:
    """Of the server, this is what can't be had otherwise: it says so itself, by functions that come first."""
    execute(new_conninfo, f"CREATE FUNCTION public.{instead}")
    first = make_conninfo(new_conninfo, options="-csearch_path=public,pg_catalog")

    examined = healthy("doctor", DATABASE_URL=first)

    failed = {name: said for name, (mark, said) in about(examined).items() if mark == "FAIL"}
    assert (examined.exit_code, failed) == (1, {thing: says})


def test_a_data_folder_that_can_t_be_written_is_told_of(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    mark, said = about(run("doctor", VERBATIM_DATA_DIR=str(tmp_path / "file")))["data folder"]

    assert mark == "FAIL"
    assert "is no folder that this user can write" in said


def test_a_secret_that_others_can_read_is_told_of(healthy: Run, tmp_path: Path) -> None:
    key = tmp_path / "data" / "master.key"
    key.chmod(0o644)

    examined = healthy("doctor")

    said = f"{key} can be read by others (mode 0644): chmod 600 {key}"
    assert about(examined)["data folder"] == ("FAIL", said)
    assert key.read_text().strip() not in examined.output


@pytest.mark.parametrize("name", ["master.key", "operator.token"])
def test_a_file_that_holds_no_secret_is_told_of_in_one_line_by_the_doctor_and_at_a_start(
    healthy: Run, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "data" / name
    path.write_bytes(bytes([0xFF] * 32))
    path.chmod(0o600)

    refused, examined = healthy("serve"), healthy("doctor")

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"{path}='...' is not accepted: give ")
    assert len(refused.stderr.splitlines()) == 1
    assert about(examined)["data folder"] == ("FAIL", refused.stderr.strip())


async def test_a_port_is_free_or_served_or_taken_by_something_else(
    run: Run, environment: Mapping[str, str], tmp_path: Path
) -> None:
    process = ServiceProcess({**environment}, tmp_path / "log of the service")
    service = await process.start()
    port = service.url.rpartition(":")[2].strip("/")

    served = await asyncio.to_thread(run, "doctor", VERBATIM_PORT=port)
    await process.stop()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = await asyncio.to_thread(run, "doctor", VERBATIM_PORT=str(other.getsockname()[1]))

    assert about(served)["port"] == ("ok", f"a service answers at {port}, and is ready")
    mark, said = about(taken)["port"]
    assert mark == "FAIL"
    assert "no service answers there: end what has it, or set VERBATIM_PORT" in said


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    await server.kill()


async def test_redis_and_the_model_are_asked_where_they_are_set(run: Run, redis: RedisServer) -> None:
    listed = json.dumps({"object": "list", "data": [{"id": "small", "object": "model"}]}).encode()
    async with OpenAIServer() as server:
        server.reports = [Answer((listed,), headers=(("Content-Type", "application/json"),))]
        settings = {"REDIS_URL": redis.url, "OPENAI_BASE_URL": server.base_url}
        has = await asyncio.to_thread(run, "doctor", OPENAI_MODEL="small", **settings)
        lacks = await asyncio.to_thread(run, "doctor", OPENAI_MODEL="large", **settings)

    assert about(has)["Redis"] == ("ok", "answers")
    assert about(has)["model"] == ("ok", "small is one of the 1 that the server has")
    said = "the server has no 'large': set OPENAI_MODEL to one of its own: small"
    assert about(lacks)["model"] == ("FAIL", said)
