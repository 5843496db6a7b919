"""Log lines: the same facts for people and for programs, and nothing that was said."""

import asyncio
import io
import logging
from collections.abc import Callable, Iterator
from uuid import UUID

import msgspec
import pytest

from infrastructure.log_lines import REQUEST_ID, JsonFormatter, TerminalFormatter, set_up_logs

SESSION = UUID(int=7)

logger = logging.getLogger("tests.log_lines")


class Stderr(io.StringIO):
    """A terminal, or something else."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture
def stderr(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stderr]:
    """Where lines go once logging is set up, as in a process of its own."""
    stream = Stderr(is_terminal=getattr(request, "param", False))
    monkeypatch.setattr(logging.root, "handlers", [])
    level = logging.root.level
    set_up_logs(stream)
    yield stream
    logging.root.setLevel(level)


def fail() -> None:
    raise ValueError("what the visitor said")


def log_failure() -> None:
    try:
        fail()
    except ValueError:
        logger.exception("it broke")


def test_where_stderr_isnt_a_terminal_a_line_is_one_json_object(stderr: Stderr) -> None:
    token = REQUEST_ID.set("r-1")
    logger.warning("a reply failed: %s", "timeout", extra={"session_id": SESSION})
    REQUEST_ID.reset(token)

    (line,) = stderr.getvalue().splitlines()
    said = msgspec.json.decode(line)
    assert said.pop("time").endswith("+00:00")
    assert said == {
        "level": "WARNING",
        "logger": "tests.log_lines",
        "message": "a reply failed: timeout",
        "request_id": "r-1",
        "session_id": str(SESSION),
    }


@pytest.mark.parametrize("stderr", [True], indirect=True)
def test_on_a_terminal_it_reads_as_a_sentence(stderr: Stderr) -> None:
    token = REQUEST_ID.set("r-1")
    logger.warning("a reply failed: %s", "timeout", extra={"session_id": SESSION})
    REQUEST_ID.reset(token)

    _, rest = stderr.getvalue().split(" ", 1)
    assert rest == f"WARNING tests.log_lines: a reply failed: timeout | request r-1, session {SESSION}\n"


def test_what_isnt_worth_a_warning_isnt_logged(stderr: Stderr) -> None:
    logger.info("all is well")

    assert stderr.getvalue() == ""


@pytest.mark.parametrize("stderr", [False, True], indirect=True)
def test_an_exception_is_told_by_its_type_and_place_and_not_by_its_text(stderr: Stderr) -> None:
    log_failure()

    (line,) = stderr.getvalue().splitlines()
    assert "it broke" in line
    assert f"ValueError at {__file__}:{fail.__code__.co_firstlineno + 1}" in line
    assert "visitor said" not in line
    assert "Traceback" not in line


async def test_a_task_that_nobody_waits_for_doesnt_tell_the_text_of_its_failure(stderr: Stderr) -> None:
    async def broken() -> None:
        fail()

    task = asyncio.create_task(broken())
    await asyncio.wait([task])
    del task

    (line,) = stderr.getvalue().splitlines()
    assert msgspec.json.decode(line)["message"] == "Task exception was never retrieved"
    assert "ValueError at " in line
    assert "visitor said" not in line


@pytest.mark.parametrize("formatter", [JsonFormatter, TerminalFormatter])
def test_a_message_has_one_line_whatever_is_in_it(formatter: Callable[[], logging.Formatter]) -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "one\ntwo", None, None)

    assert len(formatter().format(record).splitlines()) == 1
