"""What tests of commands share: settings, a session in their database, and the command in this process."""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import uvloop
from click.testing import CliRunner, Result

from api.app import open_store
from api.cli import main
from domain.events import SessionStarted, VisitorMessagePosted
from infrastructure.clock import SystemClock
from infrastructure.settings import read_settings
from tests.support.commands import Run


@pytest.fixture
def environment(new_conninfo: str, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}


@pytest.fixture
def session_id(environment: Mapping[str, str]) -> UUID:
    """A session in which a visitor has said hello."""

    async def chat() -> UUID:
        session_id, visitor_id, now = uuid4(), uuid4(), SystemClock().now()
        async with open_store(read_settings(environment), environment["DATABASE_URL"]) as store:
            await store.append(session_id, 0, [SessionStarted(visitor_id, now)], now)
            await store.append(session_id, 1, [VisitorMessagePosted(uuid4(), "Hello <b>there</b>")], now)
        return session_id

    return uvloop.run(chat())


@pytest.fixture
def run(environment: Mapping[str, str]) -> Run:
    """The command in this process, with settings of its own."""

    def run(*arguments: str, **settings: str) -> Result:
        return CliRunner().invoke(main, arguments, env={**environment, **settings})

    return run
