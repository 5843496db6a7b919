"""What is measured of a session, of two processes that share it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from domain.errors import Conflict
from domain.events import (
    Event,
    ReplyChunksRecorded,
    ReplyFailed,
    ReplyStarted,
    SessionStarted,
    VisitorMessagePosted,
)
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import MemoryKeyTable, WrappedKeyring
from infrastructure.logs import MemoryLog
from infrastructure.meters import Meters

SESSION, VISITOR, MESSAGE, REPLY = (UUID(int=number) for number in range(1, 5))


class Node:
    """A process: its store, and what it has measured."""

    def __init__(self, log: MemoryLog, keys: MemoryKeyTable) -> None:
        self.registry = CollectorRegistry()
        keyring = WrappedKeyring(bytes(32), keys)
        self.store = SessionStore(log, keyring, LocalDoorbell(), Meters(self.registry))

    def value(self, sample: str, **labels: str) -> float:
        return self.registry.get_sample_value(sample, labels) or 0.0

    async def record(self, after: int, events: Sequence[Event], age: float = 0.0) -> None:
        """Record events that are this many seconds old."""
        await self.store.append(SESSION, after, events, datetime.now(UTC) - timedelta(seconds=age))


@pytest.fixture
async def nodes() -> tuple[Node, Node]:
    """Two that know a session in which a reply was begun 5 seconds ago."""
    log, keys = MemoryLog(), MemoryKeyTable()
    one, other = Node(log, keys), Node(log, keys)
    begun = [
        SessionStarted(VISITOR, datetime.now(UTC) + timedelta(days=1)),
        VisitorMessagePosted(MESSAGE, "Hello"),
        ReplyStarted(REPLY, MESSAGE, "guide", "one"),
    ]
    await one.record(0, begun, age=5)
    await other.store.load(SESSION)
    return one, other


async def test_the_first_words_of_a_reply_are_measured_and_no_others(nodes: tuple[Node, Node]) -> None:
    one, _ = nodes

    await one.record(3, [ReplyChunksRecorded((0, 1), ("Good ", "day. "))])
    await one.record(4, [ReplyChunksRecorded((0, 1), ("How ", "are you?"))])

    assert one.value("verbatim_first_word_seconds_count") == 1
    assert 5 <= one.value("verbatim_first_word_seconds_sum") < 15


async def test_what_another_process_records_isnt_counted_twice(nodes: tuple[Node, Node]) -> None:
    one, other = nodes

    await one.record(3, [ReplyChunksRecorded((0,), ("Well, ",)), ReplyFailed(REPLY, "timeout_total")])
    await other.store.look()
    await other.store.refresh(SESSION)

    assert one.value("verbatim_reply_failures_total", reason="timeout_total") == 1
    assert other.value("verbatim_reply_failures_total", reason="timeout_total") == 0
    assert other.value("verbatim_first_word_seconds_count") == 0


async def test_whoever_comes_second_counts_a_conflict(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    await one.record(3, [ReplyFailed(REPLY, "timeout_total")])

    with pytest.raises(Conflict):
        await other.record(3, [ReplyFailed(REPLY, "interrupted")])

    assert [node.value("verbatim_append_conflicts_total") for node in nodes] == [0, 1]
    assert other.value("verbatim_reply_failures_total", reason="interrupted") == 0


async def test_the_lag_is_how_old_the_oldest_news_of_a_followed_session_is(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    with other.store.watch(SESSION, lambda _: None):
        await one.record(3, [ReplyChunksRecorded((0,), ("Well, ",))], age=3)
        await one.record(4, [ReplyChunksRecorded((0,), ("yes.",))])
        await other.store.look()
        await other.store.look()

    assert other.value("verbatim_tail_lag_seconds_count") == 1
    assert 3 <= other.value("verbatim_tail_lag_seconds_sum") < 13


async def test_what_nobody_follows_here_has_no_lag(nodes: tuple[Node, Node]) -> None:
    one, other = nodes

    await one.record(3, [ReplyFailed(REPLY, "timeout_total")], age=3)
    await other.store.look()
    await other.store.refresh(SESSION)

    assert other.value("verbatim_tail_lag_seconds_count") == 0
