"""The command line: what it teaches, prints and refuses, and the exit codes that scripts can use."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api import commands
from api.cli import main
from infrastructure.postgres import SCHEMA_LOCK
from infrastructure.settings import Settings
from tests.support.commands import Run
from tests.support.postgres import execute
from tests.support.service import ServiceProcess
from tests.support.waiting import until

UNREACHABLE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def environment(conninfo: str, data_dir: Path) -> dict[str, str]:
    return {"DATABASE_URL": conninfo, "VERBATIM_DATA_DIR": str(data_dir), "COLUMNS": "200"}


# --- help


def test_help_teaches_by_example(run: Run) -> None:
    for arguments in [("--help",), ("-h",), *((command, "--help") for command in main.commands)]:
        shown = run(*arguments)
        assert shown.exit_code == 0
        assert "Example" in shown.output
        named = main.commands if arguments[0].startswith("-") else arguments[:1]
        assert any(f"verbatim {command}" in shown.output for command in named)


def test_help_names_every_command(run: Run) -> None:
    shown = run("--help").output

    for command in main.commands:
        assert command in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("serve", "--port", "99999"),
        ("transcript",),
        ("transcript", "me"),
        ("verify",),
        ("verify", "me"),
        ("verify", "--all", str(UUID(int=1))),
        ("verify", "--all", "--anchor", "/there/is/none"),
        ("verify", "--all", "--anchor", __file__),
        ("export", str(UUID(int=1)), "--format", "zip"),
        ("export", str(UUID(int=1)), "--format", "html", "--with-key"),
        ("export", "--format", "zip", "--out", "chat.zip"),
        ("serve", "--nonsense"),
        ("replay",),
        ("replay", "me"),
        ("replay", str(UUID(int=1)), "--speed", "0"),
        ("replay", str(UUID(int=1)), "--speed=-1"),
        ("replay", str(UUID(int=1)), "--after", "nonsense"),
        ("export", str(UUID(int=1)), "--format", "pdf"),
        ("export", str(UUID(int=1)), "--out", "/"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_way_to_help(run: Run, arguments: tuple[str, ...]) -> None:
    refused = run(*arguments)

    assert refused.exit_code == 2
    assert "help" in refused.output


# --- settings


async def test_a_bad_setting_stops_the_start_with_one_line(environment: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.entry", "serve"),
        env={**os.environ, **environment, "VERBATIM_PORT": "http"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 2
    assert output == b""
    assert errors.decode() == "VERBATIM_PORT='http' is not accepted: give a whole number from 0 to 65535\n"


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("VERBATIM_PORT", "65536", "give a whole number from 0 to 65535"),
        ("VERBATIM_ASSISTANT", "hal", "give one of guide, openai"),
        ("VERBATIM_PERSONA", "/nowhere/persona.toml", "give the path of a file that exists"),
        ("VERBATIM_SESSION_TTL_SECONDS", "0", "give a whole number from 1 to 31536000"),
    ],
)
def test_any_bad_setting_is_named_with_its_value_and_what_is_accepted(
    run: Run, name: str, value: str, accepted: str
) -> None:
    for command in (("serve",), ("transcript", str(uuid4()))):
        refused = run(*command, **{name: value})
        assert refused.exit_code == 2
        assert refused.stderr == f"{name}={value!r} is not accepted: {accepted}\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("VERBATIM_MASTER_KEY", "half a key"), ("DATABASE_URL", "mysql://app:half-a-key@db/chat")],
)
def test_a_bad_secret_is_not_repeated(run: Run, name: str, value: str) -> None:
    refused = run("serve", **{name: value})

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"{name}='...' is not accepted: give ")
    assert "half" not in refused.output


def test_a_persona_that_cant_be_read_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "persona.toml"
    path.write_text("name = ")

    refused = run("serve", VERBATIM_PERSONA=str(path))

    assert refused.exit_code == 2
    assert str(path) in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


# --- Ctrl+C during the start


async def starting(environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.entry", "serve", "--port", "0"),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def end_of(process: asyncio.subprocess.Process) -> tuple[int | None, bytes]:
    """How a process ends: its exit code, and all that it has printed."""
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, output


@pytest.mark.parametrize("library", ["msgspec", "psycopg_binary", "uvloop", "cryptography"])
async def test_an_interrupted_load_ends_without_a_word(environment: Mapping[str, str], library: str) -> None:
    process = await starting(environment)
    loaded = Path(f"/proc/{process.pid}/maps")
    await until(lambda: f"/{library}/" in loaded.read_text(), "the process to load this")

    process.send_signal(signal.SIGINT)

    assert await end_of(process) == (130, b"")


async def test_an_interrupted_start_ends_without_a_word(
    environment: Mapping[str, str], new_conninfo: str
) -> None:
    with psycopg.connect(new_conninfo, autocommit=True) as another:
        another.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        process = await starting({**environment, "DATABASE_URL": new_conninfo})
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await until(lambda: bool(execute(new_conninfo, waiting)), "the start to wait for its turn")
        process.send_signal(signal.SIGINT)

    assert await end_of(process) == (130, b"")


# --- what else can be in the way


def test_a_data_folder_that_cant_be_made_is_told_in_one_line(
    run: Run, new_conninfo: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()

    refused = run("serve", DATABASE_URL=new_conninfo, VERBATIM_DATA_DIR=str(tmp_path / "file" / "data"))

    assert refused.exit_code == 2
    assert "Not a directory" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("transcript", str(UUID(int=1)))])
def test_a_database_that_cant_be_reached_is_told_in_one_line(run: Run, command: tuple[str, ...]) -> None:
    refused = run(*command, DATABASE_URL=UNREACHABLE)

    assert refused.exit_code == 69
    assert refused.stderr.startswith("The database can't be used: ")
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("transcript", str(UUID(int=1)))])
def test_an_embedded_server_that_doesn_t_start_is_told_in_one_line(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16")

    refused = run(*command, DATABASE_URL="", VERBATIM_DATA_DIR=str(tmp_path))

    assert refused.exit_code == 69
    assert "The database can't be used: the embedded PostgreSQL doesn't start: Version" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_fault_of_ours_is_not_told_as_the_database_s(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Settings, __: str) -> int:
        raise RuntimeError("a fault of ours")

    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(RuntimeError, match="a fault of ours"):
        commands.run(work)


@pytest.mark.parametrize(
    "may",
    [(), ("CREATE ON SCHEMA public",), ("CREATE ON SCHEMA public", "SELECT, INSERT ON visitor_keys")],
    ids=["no table", "no row", "half"],
)
def test_a_role_that_may_not_do_enough_is_told_in_one_line(
    run: Run, new_conninfo: str, may: tuple[str, ...]
) -> None:
    role = f"visitor_{uuid4().hex}"
    execute(new_conninfo, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    for right in may:
        execute(new_conninfo, f"GRANT {right} TO {role}")

    refused = run(
        "serve", "--port", "0", DATABASE_URL=make_conninfo(new_conninfo, user=role, password="secret")
    )

    assert refused.exit_code == 69
    assert refused.stderr.startswith("The database can't be used: ")
    assert "permission denied" in refused.stderr or "must be owner" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    execute(new_conninfo, f"DROP OWNED BY {role}")
    execute(new_conninfo, f"DROP ROLE {role}")


def test_a_port_that_is_taken_is_told_in_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("serve", VERBATIM_PORT=port)

    assert refused.exit_code == 69
    assert refused.stderr == f"VERBATIM_PORT={port} can't be had at 127.0.0.1: Address already in use\n"


@pytest.mark.parametrize("host", ["999.1.1.1", "nobody.invalid", "192.0.2.1", "x" * 70, "a b"])
def test_a_host_that_is_none_of_this_machine_is_told_in_one_line(run: Run, host: str) -> None:
    refused = run("serve", "--port", "0", VERBATIM_HOST=host)

    assert refused.exit_code == 2
    assert refused.stderr == (
        f"VERBATIM_HOST={host!r} is not accepted: give an address of this machine, or a name that has one\n"
    )


@pytest.mark.parametrize(
    ("host", "shown"),
    [("::1", "[::1]"), ("::", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("localhost", "localhost")],
)
async def test_a_start_says_an_address_that_can_be_used(
    environment: Mapping[str, str], tmp_path: Path, host: str, shown: str
) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    process = ServiceProcess({**environment, "VERBATIM_HOST": host}, tmp_path / "log")
    await process.start()
    url = process.output.split("Chat at ")[1].split()[0]

    assert url.startswith(f"http://{shown}:")
    async with httpx.AsyncClient() as http:
        assert (await http.get(url + "health/ready")).status_code == 200
    assert await process.stop() == 0


async def test_a_start_says_where_to_go_and_nothing_else(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    process = ServiceProcess({**environment, "VERBATIM_ASSISTANT": "guide"}, tmp_path / "log")
    service = await process.start()
    await process.stop()

    first, *where, last = process.output.splitlines()
    assert first == f"Verbatim is ready. Chat at {service.url}/"
    assert [line.split()[0] for line in where] == ["WebSocket", "API", "Operators"]
    assert last.endswith("Stop with Ctrl+C")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def test_the_operators_token_is_told_once_when_it_is_made(
    environment: Mapping[str, str], new_conninfo: str, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    environment = {**environment, "DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(data_dir)}
    told = []
    for number, setting in enumerate(({}, {}, {"VERBATIM_OPERATOR_TOKEN": "a-token-of-one's-own"})):
        process = ServiceProcess({**environment, **setting}, tmp_path / f"log {number}")
        await process.start()
        await process.stop()
        told += [line.strip() for line in process.output.splitlines() if "token" in line]

    path = data_dir / "operator.token"
    assert told == [
        f"Operators  token in {path}, made now: {path.read_text().strip()}",
        f"Operators  token in {path}",
        "Operators  token in VERBATIM_OPERATOR_TOKEN",
    ]


# --- the master key


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("transcript", str(UUID(int=1)))])
def test_another_master_key_is_told_in_one_line_and_by_the_exit_code(
    run: Run, session_id: UUID, tmp_path: Path, command: tuple[str, ...]
) -> None:
    for settings in (
        {"VERBATIM_MASTER_KEY": "A" * 43 + "="},
        {"VERBATIM_DATA_DIR": str(tmp_path / "elsewhere")},
    ):
        refused = run(*command, **settings)
        assert refused.exit_code == 65
        assert "isn't the one this database was written with: set VERBATIM_MASTER_KEY to" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "elsewhere").exists()
    assert run("transcript", str(session_id)).exit_code == 0
