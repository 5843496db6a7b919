"""What tests of event stores share: every kind of log."""

from collections.abc import AsyncIterator

import pytest

from infrastructure.event_store import SessionStore
from tests.support.stores import Stores


@pytest.fixture(params=["memory", "postgres"])
def conninfo_of_log(request: pytest.FixtureRequest) -> str:
    """The conninfo of the log's database; none for the log in memory."""
    return "" if request.param == "memory" else request.getfixturevalue("conninfo")


@pytest.fixture
async def stores(conninfo_of_log: str) -> AsyncIterator[Stores]:
    stores = Stores(conninfo_of_log)
    yield stores
    await stores.close()


@pytest.fixture
async def store(stores: Stores) -> SessionStore:
    return await stores.open()
