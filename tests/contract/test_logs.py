"""What `infrastructure.logs.Log` promises beneath the event store, kept in memory and in PostgreSQL."""

from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from domain.errors import Conflict
from tests.support.stores import Stores
from tests.support.waiting import until


def row(session_id: UUID, version: int) -> StoredEvent:
    return StoredEvent(session_id, version, "tested.v1", b"{}")


async def test_the_log_refuses_holes(stores: Stores) -> None:
    log = await stores.open_log()
    session_id = uuid4()
    committed: list[int] = []

    for first in (2, 3, 100):
        with pytest.raises(Conflict):
            await log.append([row(session_id, first)], lambda: committed.append(0))
    await log.append([row(session_id, 1), row(session_id, 2)], lambda: committed.append(2))
    for first in (0, 1, 2, 4, 100):
        with pytest.raises(Conflict):
            await log.append([row(session_id, first)], lambda: committed.append(0))
    await log.append([row(session_id, 3)], lambda: committed.append(3))

    assert committed == [2, 3]
    assert [one.originator_version for one in await log.read(session_id, 0)] == [1, 2, 3]
    assert [one.originator_version for one in await log.read(session_id, 2)] == [3]


@pytest.mark.parametrize("numbers", [(1, 3), (2, 1), (1, 1), (1, 2, 4)])
async def test_the_log_refuses_rows_that_are_not_in_order_at_once(
    stores: Stores, numbers: tuple[int, ...]
) -> None:
    log = await stores.open_log()
    session_id = uuid4()

    with pytest.raises(IntegrityError):
        log.append([row(session_id, number) for number in numbers], lambda: None)

    assert await log.read(session_id, 0) == []
    await log.append([row(session_id, 1)], lambda: None)


async def test_the_log_tells_of_a_commit_even_if_nobody_waits_for_it(stores: Stores) -> None:
    log = await stores.open_log()
    committed: list[int] = []
    session_id = uuid4()

    log.append([row(session_id, 1)], lambda: committed.append(1)).cancel()

    await until(lambda: committed == [1], "the commit to be told")
    assert len(await log.read(session_id, 0)) == 1
