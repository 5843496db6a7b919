"""Events as they are stored: read back as they were, sealed where they are personal, chained by hashes.

Golden bytes stand in tests/unit/golden, one file for every topic that was ever written. For a new topic,
add an example of it to tests/support/golden.py and run

    .venv/bin/python -m tests.support.golden

which writes what is missing and leaves alone what has landed. A landed file must go on to be decoded: a
topic that isn't written any more keeps its file and gets an upcaster, and `read_as` and `event` then say
what it is read as today.
"""

import dataclasses
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import CorruptLog
from domain.events import (
    EVENTS,
    DetailsCollected,
    Ending,
    Event,
    FeedbackGiven,
    FinishReason,
    IdleWarningIssued,
    Rating,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    StoppedBy,
    SuggestionsOffered,
    Usage,
    VisitorErased,
    VisitorMessagePosted,
)
from infrastructure import codec
from infrastructure.codec import Upcaster
from tests.support import golden
from tests.support.chain import fault_in, follows

KEY = bytes(32)
CIPHER = AESGCM(KEY)
SESSION, VISITOR = UUID(int=1), UUID(int=2)
AT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
PREV = b"\x01" * 32

texts = st.text(max_size=30)
fields = st.dictionaries(texts, texts, max_size=4)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
EXAMPLES: dict[type[Event], st.SearchStrategy[Event]] = {
    SessionStarted: st.builds(SessionStarted, st.uuids(), moments, fields),
    VisitorMessagePosted: st.builds(
        VisitorMessagePosted, st.uuids(), texts, st.none() | texts, st.none() | st.integers(0, 9)
    ),
    ReplyStarted: st.builds(ReplyStarted, st.uuids(), st.uuids(), texts, texts),
    ReplyChunksRecorded: st.lists(st.tuples(st.integers(0, 2**40), texts), max_size=8).map(
        lambda words: ReplyChunksRecorded(
            tuple(delay for delay, _ in words), tuple(part for _, part in words)
        )
    ),
    DetailsCollected: st.builds(DetailsCollected, st.uuids(), fields, st.lists(texts, max_size=4).map(tuple)),
    SuggestionsOffered: st.builds(
        SuggestionsOffered, st.lists(texts, max_size=4).map(tuple), st.integers(0, 9)
    ),
    ReplyCompleted: st.builds(
        ReplyCompleted,
        st.uuids(),
        texts,
        st.sampled_from(get_args(FinishReason)),
        st.none() | st.booleans(),
        st.booleans(),
        st.none() | st.builds(Usage, st.integers(0, 2**40), st.integers(0, 2**40)),
        st.booleans(),
    ),
    ReplyStopped: st.builds(ReplyStopped, st.uuids(), st.sampled_from(get_args(StoppedBy))),
    ReplyFailed: st.builds(ReplyFailed, st.uuids(), texts, st.booleans()),
    IdleWarningIssued: st.builds(IdleWarningIssued, st.uuids(), texts, st.integers(0, 2**40)),
    SessionEnded: st.builds(
        SessionEnded,
        st.sampled_from(get_args(Ending)),
        st.none() | st.uuids(),
        texts,
        st.none() | st.integers(0, 2**40),
    ),
    FeedbackGiven: st.builds(FeedbackGiven, st.uuids(), st.sampled_from(get_args(Rating)), texts),
    VisitorErased: st.just(VisitorErased()),
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
events = st.one_of(*EXAMPLES.values())
times = st.integers(0, 10**13).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))


def encode(event: Event, version: int = 2, prev: bytes = PREV, cause: int = 1) -> StoredEvent:
    return codec.encode(SESSION, version, event, AT, prev, cause, CIPHER)


def envelope(stored: StoredEvent) -> dict:
    return msgspec.json.decode(stored.state)


def with_state(stored: StoredEvent, **changes: object) -> StoredEvent:
    """A row whose envelope somebody has changed."""
    state = envelope(stored) | changes
    return replaced(stored, state=msgspec.json.encode(state))


def replaced(stored: StoredEvent, **changes: Any) -> StoredEvent:
    return dataclasses.replace(stored, **changes)


# --- round trip


def test_there_are_examples_of_all_events() -> None:
    assert set(EXAMPLES) == set(EVENTS)
    assert {type(example) for example in golden.EXAMPLES} == set(EVENTS)


@given(st.uuids(), events, times, st.integers(2, 2**40), st.data())
def test_an_event_is_read_back_as_it_was(
    session_id: UUID, event: Event, at: datetime, version: int, data: st.DataObject
) -> None:
    cause = data.draw(st.integers(1, version - 1))

    stored = codec.encode(session_id, version, event, at, PREV, cause, CIPHER)

    assert codec.decode(stored, CIPHER) == (event, at)
    assert (stored.originator_id, stored.originator_version) == (session_id, version)
    assert stored.topic == event.topic
    assert envelope(stored).get("cause", version - 1) == cause


def test_an_envelope_holds_no_more_than_it_must() -> None:
    first = codec.encode(SESSION, 1, SessionEnded("deleted"), AT, b"", 0, CIPHER)
    later = encode(SessionEnded("deleted"), version=5, cause=2)
    words = encode(ReplyChunksRecorded((0,), ("Hi",)), cause=1)

    assert set(envelope(first)) == {"at", "data"}
    assert set(envelope(later)) == {"at", "prev", "cause", "data"}
    assert set(envelope(words)) == {"at", "prev", "data", "sealed"}
    assert envelope(later)["data"] == {"reason": "deleted"}
    assert set(envelope(encode(SuggestionsOffered(("More",))))) == {"at", "prev", "sealed"}


def test_a_session_s_first_event_names_its_visitor_in_clear() -> None:
    stored = codec.encode(SESSION, 1, SessionStarted(VISITOR, AT, {"a": "b"}), AT, b"", 0, CIPHER)

    assert codec.visitor_of(stored) == VISITOR


# --- sealing


PERSONAL: tuple[Event, ...] = (
    SessionStarted(VISITOR, AT, {"Secret-key": "Secret-1"}),
    VisitorMessagePosted(UUID(int=3), "Secret-2", "Secret-id"),
    ReplyChunksRecorded((0, 1), ("Secret-3 ", "Secret-4")),
    DetailsCollected(UUID(int=3), {"Secret-name": "Secret-5"}),
    SuggestionsOffered(("Secret-6", "Secret-7")),
    ReplyCompleted(UUID(int=4), "Secret-8"),
    FeedbackGiven(UUID(int=3), "down", "Secret thoughts"),
)


def test_personal_fields_are_those_of_the_design() -> None:
    assert {event_type.topic: event_type.personal for event_type in EVENTS if event_type.personal} == {
        "session_started.v1": ("metadata",),
        "visitor_message_posted.v2": ("text", "client_message_id"),
        "reply_chunks_recorded.v1": ("parts",),
        "details_collected.v2": ("values",),
        "suggestions_offered.v2": ("suggestions",),
        "reply_completed.v2": ("text_hash",),
        "feedback_given.v1": ("comment",),
    }
    assert {type(event) for event in PERSONAL} == {kind for kind in EVENTS if kind.personal}


@pytest.mark.parametrize("event", PERSONAL, ids=lambda event: event.topic)
def test_without_a_key_an_event_is_read_with_its_personal_fields_empty(event: Event) -> None:
    clear, at = codec.decode(encode(event), cipher=None)

    assert (type(clear), at) == (type(event), AT)
    for field in event.__struct_fields__:
        assert bool(getattr(clear, field)) == (field not in event.personal and bool(getattr(event, field)))


@pytest.mark.parametrize("event", PERSONAL, ids=lambda event: event.topic)
def test_personal_fields_never_stand_in_the_state(event: Event) -> None:
    stored = encode(event)

    sealed = b64decode(envelope(stored)["sealed"] + "==")
    assert b"Secret" not in stored.state + sealed
    assert not set(envelope(stored).get("data", {})) & set(event.personal)
    assert codec.decode(stored, CIPHER)[0] == event


@pytest.mark.parametrize("event", PERSONAL, ids=lambda event: event.topic)
def test_nobody_reads_personal_fields_without_the_key(event: Event) -> None:
    with pytest.raises(CorruptLog, match=rf"session {SESSION}, version 2: {event.topic} can't be read"):
        codec.decode(encode(event), AESGCM(b"\x01" * 32))


def test_the_same_words_are_never_sealed_to_the_same_bytes() -> None:
    states = {encode(VisitorMessagePosted(UUID(int=3), "yes")).state for _ in range(100)}

    assert len(states) == 100


# --- tampering


def chain_of(*events: Event) -> list[StoredEvent]:
    """These events as the rows of one session."""
    rows: list[StoredEvent] = []
    head = b""
    for version, event in enumerate(events, 1):
        rows.append(encode(event, version, head, version - 1))
        head = codec.digest(rows[-1])
    return rows


SEALED, CLEAR = 1, 2
ROWS = chain_of(
    SessionStarted(VISITOR, AT, {"page": "/"}),
    VisitorMessagePosted(UUID(int=3), "hello", "m-1"),
    ReplyStarted(UUID(int=4), UUID(int=3), "guide"),
    ReplyChunksRecorded((7, 8), ("Hi ", "there")),
)

TAMPERINGS = {
    "session": lambda row: replaced(row, originator_id=UUID(int=99)),
    "version": lambda row: replaced(row, originator_version=row.originator_version + 1),
    "topic": lambda row: replaced(row, topic="reply_started.v2"),
    "at": lambda row: with_state(row, at=envelope(row)["at"] + 1),
    "prev": lambda row: with_state(row, prev=envelope(row)["prev"][::-1]),
    "cause": lambda row: with_state(row, cause=1),
    "data": lambda row: with_state(row, data=envelope(row)["data"] | {"message_id": str(UUID(int=5))}),
    "sealed": lambda row: with_state(row, sealed=_flipped(envelope(row).get("sealed", ""))),
    "sealed left out": lambda row: with_state(row, sealed=""),
}


def _flipped(sealed: str) -> str:
    raw = bytearray(b64decode(sealed + "=" * (-len(sealed) % 4)) or b"nothing sealed")
    raw[len(raw) // 2] ^= 1
    return b64encode(raw).decode().rstrip("=")


def is_decoded(row: StoredEvent) -> bool:
    try:
        codec.decode(row, CIPHER)
    except CorruptLog:
        return False
    return True


def test_an_honest_chain_has_no_fault() -> None:
    assert fault_in(ROWS, CIPHER) == ""
    assert follows(ROWS[0], b"")
    assert all(follows(row, codec.digest(before)) for before, row in pairwise(ROWS))


@pytest.mark.parametrize("part", ["session", "version", "topic", "sealed", "sealed left out"])
def test_sealed_fields_can_neither_be_moved_nor_changed(part: str) -> None:
    tampered = TAMPERINGS[part](ROWS[SEALED])

    assert not is_decoded(tampered)


@pytest.mark.parametrize("topic", [kind.topic for kind in EVENTS if kind.topic != ROWS[SEALED].topic])
def test_sealed_fields_are_read_as_those_of_no_other_topic(topic: str) -> None:
    assert not is_decoded(replaced(ROWS[SEALED], topic=topic))


@pytest.mark.parametrize("part", ["at", "prev", "cause", "data"])
def test_what_stands_in_clear_is_read_as_it_stands_and_only_the_chain_tells(part: str) -> None:
    tampered = TAMPERINGS[part](ROWS[CLEAR])

    assert is_decoded(tampered)
    assert not follows(ROWS[CLEAR + 1], codec.digest(tampered))
    assert follows(tampered, codec.digest(ROWS[CLEAR - 1])) == (part != "prev")


@pytest.mark.parametrize("part", TAMPERINGS)
@pytest.mark.parametrize("index", [SEALED, CLEAR])
def test_whatever_is_changed_in_a_row_that_another_follows_is_found(part: str, index: int) -> None:
    tampered = TAMPERINGS[part](ROWS[index])
    if tampered == ROWS[index]:
        assert (part, index) == ("sealed left out", CLEAR), "there is nothing to leave out"
        return

    rows = [*ROWS[:index], tampered, *ROWS[index + 1 :]]

    assert fault_in(rows), "the chain tells without any key"


@given(st.integers(0, len(ROWS) - 2), st.data())
def test_a_single_changed_byte_is_found(index: int, data: st.DataObject) -> None:
    state = bytearray(ROWS[index].state)
    state[data.draw(st.integers(0, len(state) - 1))] ^= data.draw(st.integers(1, 255))

    rows = [*ROWS[:index], replaced(ROWS[index], state=bytes(state)), *ROWS[index + 1 :]]

    assert fault_in(rows)


@given(st.permutations(ROWS), st.integers(1, len(ROWS)))
def test_rows_that_are_reordered_or_left_out_are_found(rows: Sequence[StoredEvent], count: int) -> None:
    rows = rows[:count]
    renumbered = [replaced(row, originator_version=version) for version, row in enumerate(rows, 1)]
    is_beginning = rows == ROWS[:count]

    assert (fault_in(rows) == "") == is_beginning
    assert (fault_in(renumbered) == "") == is_beginning


@given(st.integers(1, len(ROWS) - 1))
def test_a_row_that_is_inserted_is_found(index: int) -> None:
    forged = encode(VisitorMessagePosted(UUID(int=8), "forged"), index + 1, codec.digest(ROWS[index - 1]))
    later = [replaced(row, originator_version=row.originator_version + 1) for row in ROWS[index:]]

    assert fault_in([*ROWS[:index], forged, *later])


def test_the_hash_covers_the_place_and_all_that_is_stored() -> None:
    changed = [TAMPERINGS[part](ROWS[SEALED]) for part in TAMPERINGS]

    assert len({codec.digest(row) for row in [ROWS[SEALED], *changed]}) == len(changed) + 1


NO_EVENTS = {
    "not JSON": b"no",
    "not an object": b"[]",
    "no time": b"{}",
    "a time that isn't one": b'{"at":1e99}',
    "a time beyond all calendars": b'{"at":999999999999999999,"data":{"reason":"deleted"}}',
    "no data": b'{"at":0}',
    "data of another kind": b'{"at":0,"data":7}',
    "data of another event": b'{"at":0,"data":{"reason":"bored"}}',
    "sealed with nothing": b'{"at":0,"data":{"reason":"deleted"},"sealed":"AAAA"}',
    "sealed with no base64": b'{"at":0,"data":{"reason":"deleted"},"sealed":"\xc3\xa9"}',
    "not UTF-8": b'{"at":0,"data":{"reason":"\xff"}}',
    "nothing": b"",
}


@pytest.mark.parametrize("state", NO_EVENTS.values(), ids=NO_EVENTS.keys())
def test_what_can_t_be_an_event_is_corrupt(state: bytes) -> None:
    stored = StoredEvent(SESSION, 3, SessionEnded.topic, state)

    with pytest.raises(CorruptLog, match="version 3"):
        codec.decode(stored, CIPHER)
    with pytest.raises(CorruptLog):
        codec.visitor_of(stored)
    assert not follows(stored, PREV)


@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[]":,at0')).map(str.encode), events)
def test_whatever_bytes_are_found_in_its_place_an_event_is_corrupt_and_nothing_worse(
    state: bytes, event: Event
) -> None:
    stored = replaced(encode(event), state=state)

    assert not is_decoded(stored)
    assert not follows(stored, PREV)


def test_an_event_of_an_unknown_topic_is_corrupt() -> None:
    with pytest.raises(CorruptLog, match=r"visitor_danced\.v1 can't be read"):
        codec.decode(replaced(ROWS[CLEAR], topic="visitor_danced.v1"), CIPHER)


# --- what has landed


LANDED = sorted(path.name.removesuffix(".json") for path in golden.FOLDER.glob("*.json"))


def test_every_topic_of_today_has_its_golden_bytes() -> None:
    assert {kind.topic for kind in EVENTS} <= set(LANDED)


@pytest.mark.parametrize("topic", LANDED)
def test_golden_bytes_are_read_for_ever(topic: str) -> None:
    landed = msgspec.json.decode(golden.file_of(topic).read_bytes(), type=golden.Golden)

    event, at = codec.decode(landed.stored(), golden.CIPHER)

    assert landed.topic == topic
    assert (event.topic, event, at) == (landed.read_as, landed.expected(), landed.at)


def test_golden_bytes_leave_no_field_at_its_default() -> None:
    for example in golden.EXAMPLES:
        required = len(example.__struct_fields__) - len(example.__struct_defaults__)
        optional = dict(zip(example.__struct_fields__[required:], example.__struct_defaults__, strict=True))
        assert all(getattr(example, name) not in (default, {}) for name, default in optional.items())


# --- what isn't written any more


def sealed_as(topic: str, version: int, clear: dict, personal: list) -> StoredEvent:
    """A row as an older release would have written it."""
    nonce = os.urandom(12)
    place = SESSION.bytes + version.to_bytes(8, "big") + topic.encode()
    sealed = nonce + CIPHER.encrypt(nonce, msgspec.msgpack.encode(personal), place)
    state = {"at": 1000, "prev": "", "data": clear, "sealed": b64encode(sealed).decode().rstrip("=")}
    return StoredEvent(SESSION, version, topic, msgspec.json.encode(state))


def test_an_old_event_is_read_as_one_of_today_by_upcasters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(
        codec.UPCASTERS,
        "message_posted.v1",
        Upcaster(
            "message_posted.v2",
            ("body", "signature"),
            lambda old: {"id": old["id"], "body": f"{old['body']} -- {old['signature']}"},
        ),
    )
    monkeypatch.setitem(
        codec.UPCASTERS,
        "message_posted.v2",
        Upcaster(
            VisitorMessagePosted.topic,
            ("body",),
            lambda old: {"message_id": old["id"], "text": old["body"]},
        ),
    )
    message_id = UUID(int=5)

    oldest = sealed_as("message_posted.v1", 2, {"id": str(message_id)}, ["hello", "Ann"])
    older = sealed_as("message_posted.v2", 3, {"id": str(message_id)}, ["hello"])

    at = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert codec.decode(oldest, CIPHER) == (VisitorMessagePosted(message_id, "hello -- Ann"), at)
    assert codec.decode(older, CIPHER) == (VisitorMessagePosted(message_id, "hello"), at)


def test_an_old_event_that_no_upcaster_understands_is_corrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    upcaster = Upcaster(VisitorMessagePosted.topic, ("body",), lambda old: {"text": old["body"]})
    monkeypatch.setitem(codec.UPCASTERS, "message_posted.v1", upcaster)

    with pytest.raises(CorruptLog):
        codec.decode(sealed_as("message_posted.v1", 2, {}, ["no message_id"]), CIPHER)
    with pytest.raises(CorruptLog):
        codec.decode(sealed_as("message_posted.v1", 2, {}, []), CIPHER)


@given(st.sampled_from([*codec.UPCASTERS, *(event.topic for event in EVENTS), "unknown.v1"]), st.data())
def test_whatever_stands_in_a_state_is_read_or_refused(topic: str, data: st.DataObject) -> None:
    """Whoever verifies the log mustn't be stopped by what somebody has written there."""
    names = {name for event in EVENTS for name in event.__struct_fields__}
    fields = data.draw(st.dictionaries(st.sampled_from(sorted(names)) | texts, anything, max_size=8))
    values = {"at": st.integers(), "prev": texts, "cause": st.integers(), "sealed": texts}
    state = data.draw(
        st.fixed_dictionaries({}, optional={name: kind | anything for name, kind in values.items()})
    )
    row = StoredEvent(SESSION, 1, topic, msgspec.json.encode(state | {"data": fields}))

    for cipher in (None, CIPHER):
        with suppress(CorruptLog):
            codec.decode(row, cipher)
        with suppress(CorruptLog):
            codec.opened(row, cipher)
    with suppress(CorruptLog):
        codec.visitor_of(row)
    assert follows(row, PREV) in (True, False)


@given(
    st.sampled_from([*codec.UPCASTERS, *(event.topic for event in EVENTS)]), st.lists(anything, max_size=3)
)
def test_whatever_was_sealed_is_read_or_refused(topic: str, values: list[Any]) -> None:
    nonce = bytes(codec.NONCE_BYTES)
    place = codec._place(SESSION, 1, topic)
    sealed = b64encode(nonce + CIPHER.encrypt(nonce, msgspec.msgpack.encode(values), place)).decode()
    row = StoredEvent(SESSION, 1, topic, msgspec.json.encode({"at": 1, "sealed": sealed}))

    with suppress(CorruptLog):
        codec.decode(row, CIPHER)
