"""Rows may hold anything: what can't be a session is told as a corrupt log, with session and version."""

from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from domain.errors import CorruptLog
from domain.events import Event, ReplyStarted, SessionStarted
from infrastructure.known import Known, first_known, next_known
from tests.support.chain import chained
from tests.support.history import ASKED, MESSAGE, RESPONSE, SESSION, START, VISITOR, words

CIPHER = AESGCM(bytes(32))
STARTED = SessionStarted(VISITOR, START)


def known_of(rows: Sequence[StoredEvent]) -> Known:
    known, _ = first_known(rows[0], CIPHER)
    for row in rows[1:]:
        known, _ = next_known(known, row)
    return known


def test_a_chain_of_what_can_follow_is_read() -> None:
    assert known_of(chained(CIPHER, STARTED, *ASKED, words("Hi"))).session.version == 4


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ((words("Hi"),), "version 1: a session begins with session_started, not reply_chunks_recorded.v1"),
        ((STARTED, STARTED), "version 2: session_started.v1 can't follow the start of a session"),
        ((STARTED, words("Hi")), "version 2: the log holds an event of a reply where none is open"),
        (
            (STARTED, *ASKED, ReplyStarted(RESPONSE, MESSAGE, "guide")),
            "version 4: the log holds a reply to a message that doesn't wait for one",
        ),
    ],
)
def test_an_event_that_can_t_follow_is_told_with_its_place(events: Sequence[Event], told: str) -> None:
    with pytest.raises(CorruptLog) as corrupt:
        known_of(chained(CIPHER, *events))

    assert str(corrupt.value) == f"session {SESSION}, {told}"
