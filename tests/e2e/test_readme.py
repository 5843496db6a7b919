"""The commands of the README and its pages, as they stand there, against a service that really runs."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.needs import program
from tests.support.service import Service, ServiceProcess

ROOT = Path(__file__).parents[2]
README, CONTRIBUTING, EXAMPLES, AUDITORS, OPERATORS, SETTINGS = (
    (ROOT / page).read_text()
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        "web/examples/README.md",
        "docs/auditors.md",
        "docs/operators.md",
        "docs/settings.md",
    )
)


@pytest.fixture
async def service(new_conninfo: str, data_dir: Path, tmp_path: Path) -> AsyncIterator[Service]:
    process = ServiceProcess(
        {"DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(data_dir), "VERBATIM_WORDS_PER_SECOND": "0"},
        tmp_path / "log",
    )
    yield await process.start()
    await process.stop()


def snippet(language: str, containing: str, service: Service, page: str = README) -> str:
    """The one block of a page that holds this, with the service's own address in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    (block,) = [block for block in blocks if containing in block]
    return block.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")


async def run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_python_snippet_prints_a_reply(service: Service) -> None:
    code = snippet("python", "websockets", service)

    output = await run(sys.executable, "-c", code)

    assert "A novated lease is a way to pay for a car" in output
    assert len(code.splitlines()) == 5


async def test_the_javascript_snippet_prints_a_reply(service: Service, tmp_path: Path) -> None:
    code = snippet("js", "WebSocket", service)
    # A page stays open; a program must end.
    script = tmp_path / "snippet.mjs"
    script.write_text(
        code
        + "socket.addEventListener('message', (e) => e.data.includes('\"complete\",') && process.exit());"
    )

    output = await run(program("node", "nodejs"), "--experimental-websocket", str(script))

    assert output.split("\n")[0] == "connected"
    assert "novated" in output
    assert len(code.splitlines()) == 5


async def test_the_curl_commands_stream_a_reply(service: Service, tmp_path: Path) -> None:
    output = await run("bash", "-euc", snippet("sh", "curl -sN", service), cwd=tmp_path)

    assert output.startswith("event: chunk\nid: ")
    assert "event: complete" in output


async def test_the_auditors_commands_show_the_session_that_was_begun(
    service: Service, data_dir: Path, tmp_path: Path
) -> None:
    await run("bash", "-euc", snippet("sh", "curl -sN", service), cwd=tmp_path)
    (tmp_path / "data").symlink_to(data_dir.resolve())
    session = json.loads((tmp_path / "session.json").read_text())
    async with service.http() as http:
        path = f"/api/chats/sessions/{session['session_id']}/"
        await http.delete(
            path, headers={"X-Visitor-Id": session["visitor_id"]}
        )  # a replay ends with its session

    output = await run("bash", "-euc", snippet("sh", "api/audit", service, AUDITORS), cwd=tmp_path)

    assert output.startswith("event: chunk\nid: ")
    assert '"replay":true' in output
    assert '"screen":[' in output
    assert '"topic":"session_started.v1"' in output
    assert "Who owns the car?" in (tmp_path / "session.html").read_text()


@pytest.mark.parametrize("page", [README, AUDITORS], ids=["README", "auditors"])
async def test_the_commands_for_the_service_s_own_machine_show_it_too(
    page: str, service: Service, new_conninfo: str, data_dir: Path, tmp_path: Path
) -> None:
    await run("bash", "-euc", snippet("sh", "curl -sN", service), cwd=tmp_path)
    session_id = json.loads((tmp_path / "session.json").read_text())["session_id"]
    commands = [
        block
        for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        if block.startswith(".venv/bin/verbatim") and "serve" not in block
    ]
    environment = {"DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)}

    output = ""
    for block in commands:
        # A session that goes on is followed: nobody is there to stop it.
        block = block.replace("SESSION_ID", session_id).replace("--speed 2", "--speed 2 --no-follow")
        block = block.replace(".venv/bin/verbatim", f"{sys.executable} -m api.entry")
        output += await run("bash", "-euc", block, cwd=tmp_path, **environment)

    assert "] Visitor: Who owns the car?\n" in output
    assert "] Assistant: " in output
    assert "Who owns the car?" in (tmp_path / "session.html").read_text()
    assert "nothing to find fault with: " in output


async def test_the_operators_commands_do_what_is_said_of_them(
    service: Service, new_conninfo: str, data_dir: Path, tmp_path: Path
) -> None:
    visitor = await service.start_session()
    commands = "".join(re.findall(r"```sh\n(.*?)```", OPERATORS, re.DOTALL))
    environment = {"DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)}
    commands = commands.replace("VISITOR_ID", f"{visitor.visitor_id} --yes")
    commands = commands.replace(".venv/bin/verbatim", f"{sys.executable} -m api.entry")

    output = await run("bash", "-euc", commands, cwd=tmp_path, **environment)

    assert f"Visitor {visitor.visitor_id} is erased, since " in output
    assert "time left" in output
    assert "ok    master key" in output


async def test_every_make_target_that_is_named_exists_and_make_help_lists_it() -> None:
    named = set(re.findall(r"make ([a-z][a-z0-9-]+)", README + CONTRIBUTING + EXAMPLES))

    for target in named:
        await run("make", "--dry-run", target, cwd=ROOT)
    listed = re.findall(r"^(\S+) ", await run("make", "--no-print-directory", "help", cwd=ROOT), re.MULTILINE)
    assert {"serve", "test", "test-model", "examples"} <= named <= set(listed)


def test_every_setting_in_the_table_is_read_and_every_one_that_is_read_is_in_the_table() -> None:
    table = set(re.findall(r"`((?:VERBATIM|OPENAI|DATABASE|REDIS)_[A-Z_]+)`", SETTINGS))

    read = set(
        re.findall(
            r'"((?:VERBATIM|OPENAI|DATABASE|REDIS)_[A-Z_]+)"',
            (ROOT / "infrastructure/settings.py").read_text(),
        )
    )

    assert table == read
