"""One PostgreSQL for the run; a template database with all tables; a fresh copy for each module that asks."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from psycopg.conninfo import conninfo_to_dict

from infrastructure.logs import PostgresLog
from infrastructure.postgres import Database, EmbeddedServer
from tests.support.postgres import TestServer

settings.register_profile("verbatim", deadline=None, print_blob=True)
settings.load_profile("verbatim")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "dosed: runs a smaller dose unless VERBATIM_TEST_DOSE=full")
    # In the background of a shell Ctrl+C is ignored, and would be by the services that tests interrupt, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def full_dose() -> bool:
    """Whether the heavier tests run whole."""
    return os.environ.get("VERBATIM_TEST_DOSE") == "full"


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """The server of this test run: the embedded one, or that of VERBATIM_TEST_DATABASE_URL."""
    server = TestServer()
    if given := os.environ.get("VERBATIM_TEST_DATABASE_URL"):
        server.conninfo = given
        yield server
        server.remove()
        return
    embedded = EmbeddedServer(server.folder / "postgres")
    server.conninfo = asyncio.run(embedded.start())
    yield server
    asyncio.run(embedded.stop())
    server.remove()


@pytest.fixture(scope="session")
def template(postgres: TestServer) -> str:
    """The name of a database in which the service's tables are there already."""
    conninfo = postgres.new_database()

    async def create_tables() -> None:
        log = PostgresLog(conninfo, Database(conninfo))
        await log.open()
        await log.close()

    asyncio.run(create_tables())
    return str(conninfo_to_dict(conninfo)["dbname"])


@pytest.fixture(scope="module")
def conninfo(postgres: TestServer, template: str) -> str:
    """A database for this module."""
    return postgres.new_database(template)


@pytest.fixture
def new_conninfo(postgres: TestServer, template: str) -> str:
    """A database for this test alone."""
    return postgres.new_database(template)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for this module, as its database: the one is written with the other's master key."""
    return tmp_path_factory.mktemp("data")
