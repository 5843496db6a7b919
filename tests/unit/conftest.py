"""What tests of conversations share: processes on one log."""

from collections.abc import AsyncIterator

import pytest

from tests.support.processes import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()
