"""Ways to tamper with a log: what somebody could do who has the database, and the master key as well.

Each does one thing to a log on an open connection, and says which events it has touched.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from msgspec.structs import replace

from domain.events import (
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionEnded,
    SessionStarted,
    VisitorMessagePosted,
)
from infrastructure import codec
from infrastructure.checkpoints import (
    COLUMNS,
    END_OF_LOG,
    GENESIS,
    LEAVES,
    checkpoint_of,
    hash_of,
    leaves_of,
    signed,
)
from infrastructure.hints import write_hints
from infrastructure.merkle import root_of
from infrastructure.signing import SigningKey
from tests.support.stores import MASTER_KEY

Touched = Collection[tuple[UUID, int]]
"""Events, by session and version."""


class Row(NamedTuple):
    """A row of the log, as it was before anybody touched it."""

    position: int
    session_id: UUID
    version: int
    topic: str
    state: bytes

    @property
    def place(self) -> tuple[UUID, int]:
        return self.session_id, self.version

    @property
    def stored(self) -> StoredEvent:
        return StoredEvent(self.session_id, self.version, self.topic, self.state)


class Tamperer:
    """Has a log in hand, with all of its rows under checkpoints."""

    def __init__(self, connection: psycopg.Connection, chance: random.Random) -> None:
        self._connection = connection
        self.chance = chance
        self.rows = [
            Row(*row)
            for row in self.execute(
                "SELECT notification_id, originator_id, originator_version, topic, state "
                "FROM stored_events ORDER BY notification_id"
            )
        ]
        self.sessions: dict[UUID, list[Row]] = {}
        for row in self.rows:
            self.sessions.setdefault(row.session_id, []).append(row)
        wrapped = self.execute("SELECT visitor_id, wrapped FROM visitor_keys")
        self.wrapped: Mapping[UUID, bytes | None] = dict(wrapped)
        self.checkpoints = [
            checkpoint_of(row) for row in self.execute(f"SELECT {COLUMNS} FROM checkpoints ORDER BY number")
        ]
        used = {row.position for row in self.rows}
        self.holes = sorted(set(range(1, self.rows[-1].position)) - used)

    def execute(self, query: str, *params: object) -> list[tuple]:
        cursor = self._connection.execute(query.encode(), params or None)
        return cursor.fetchall() if cursor.description else []

    def row(self) -> Row:
        """Any row."""
        return self.chance.choice(self.rows)

    def session(self, *, readable: bool = False) -> Sequence[Row]:
        """All rows of a session; of one whose visitor's key still is there."""
        sessions = [rows for rows in self.sessions.values() if not readable or self.cipher(rows) is not None]
        return self.chance.choice(sessions)

    def cipher(self, rows: Sequence[Row]) -> AESGCM | None:
        visitor_id = codec.visitor_of(rows[0].stored)
        wrapped = self.wrapped[visitor_id]
        if wrapped is None:
            return None
        return AESGCM(AESGCM(MASTER_KEY).decrypt(wrapped[:12], wrapped[12:], visitor_id.bytes))

    def update(self, row: Row, **columns: object) -> None:
        changes = ", ".join(f"{name} = %s" for name in columns)
        self.execute(
            f"UPDATE stored_events SET {changes} WHERE notification_id = %s", *columns.values(), row.position
        )

    def insert(self, stored: StoredEvent, position: int | None = None) -> None:
        at = "DEFAULT" if position is None else "%s"
        self.execute(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id) "
            f"VALUES (%s, %s, %s, %s, {at})",
            *(stored.originator_id, stored.originator_version, stored.topic, stored.state),
            *(() if position is None else (position,)),
        )

    def remove(self, rows: Sequence[Row]) -> Touched:
        positions = [row.position for row in rows]
        self.execute("DELETE FROM stored_events WHERE notification_id = ANY(%s)", positions)
        return [row.place for row in rows]


# --- single events


def flip_a_bit_of_a_state(log: Tamperer) -> Touched:
    row = log.row()
    state = bytearray(row.state)
    state[log.chance.randrange(len(state))] ^= 1 << log.chance.randrange(8)
    log.update(row, state=bytes(state))
    return [row.place]


def change_a_letter_of_a_topic(log: Tamperer) -> Touched:
    row = log.row()
    at = log.chance.randrange(len(row.topic))
    log.update(row, topic=row.topic[:at] + "#" + row.topic[at + 1 :])
    return [row.place]


def give_an_event_another_topic(log: Tamperer) -> Touched:
    row = log.row()
    log.update(row, topic=log.chance.choice([other.topic for other in log.rows if other.topic != row.topic]))
    return [row.place]


def remove_an_event(log: Tamperer) -> Touched:
    return log.remove([log.row()])


def append_an_event_that_follows_nothing(log: Tamperer) -> Touched:
    rows = log.session()
    version = rows[-1].version + 1
    session_id, nothing = rows[0].session_id, b"x" * 32
    log.insert(codec.encode(session_id, version, SessionEnded("deleted"), _when(rows), nothing, 0, None))
    return [(session_id, version)]


def append_an_event_in_a_hole(log: Tamperer) -> Touched:
    """It follows the last one, and is sealed with the right key: it only wasn't there."""
    rows = log.session()
    last = rows[-1]
    prev = codec.digest(last.stored)
    stored = codec.encode(
        last.session_id, last.version + 1, SessionEnded("deleted"), _when(rows), prev, 0, None
    )
    log.insert(stored, _hole_after(log, last.position))
    return [(last.session_id, last.version + 1)]


def swap_two_states(log: Tamperer) -> Touched:
    one, other = log.chance.sample(log.rows, 2)
    log.update(one, state=other.state)
    log.update(other, state=one.state)
    return [one.place, other.place]


def swap_two_positions(log: Tamperer) -> Touched:
    one, other = log.chance.sample(log.rows, 2)
    _place_at(log, one, -1)
    _place_at(log, other, one.position)
    log.execute("UPDATE stored_events SET notification_id = %s WHERE notification_id = -1", other.position)
    return [one.place, other.place]


def swap_two_positions_in_a_session(log: Tamperer) -> Touched:
    one, other = log.chance.sample(log.session(), 2)
    _place_at(log, one, -1)
    _place_at(log, other, one.position)
    log.execute("UPDATE stored_events SET notification_id = %s WHERE notification_id = -1", other.position)
    return [one.place, other.place]


def swap_two_versions(log: Tamperer) -> Touched:
    one, other = log.chance.sample(log.session(), 2)
    log.update(one, originator_version=-1)
    log.update(other, originator_version=one.version)
    log.update(one, originator_version=other.version)
    return [one.place, other.place]


def swap_two_events_of_two_sessions(log: Tamperer) -> Touched:
    one, other = log.chance.sample(log.rows, 2)
    log.update(one, originator_version=-1)
    log.update(other, originator_id=one.session_id, originator_version=one.version)
    log.update(one, originator_id=other.session_id, originator_version=other.version)
    return [one.place, other.place]


def renumber_a_version(log: Tamperer) -> Touched:
    row = log.row()
    last = log.sessions[row.session_id][-1].version
    version = log.chance.choice([0, -1, -(2**40), last + 1, last + log.chance.randrange(2, 1000), 2**60])
    log.update(row, originator_version=version)
    return [row.place]


def move_an_event_to_another_position(log: Tamperer) -> Touched:
    row = log.row()
    end = log.rows[-1].position
    _place_at(log, row, log.chance.choice([*log.holes, 0, -5, end + 1, end + 1000, 2**50]))
    return [row.place]


def move_an_event_to_another_session(log: Tamperer) -> Touched:
    row = log.row()
    other = log.session()
    log.update(row, originator_id=other[0].session_id, originator_version=other[-1].version + 1)
    return [row.place]


# --- many events


def remove_a_session(log: Tamperer) -> Touched:
    return log.remove(log.session())


def cut_off_the_tail_of_a_session(log: Tamperer) -> Touched:
    rows = log.session()
    return log.remove(rows[log.chance.randrange(1, len(rows)) :])


def cut_off_the_tail_of_the_log(log: Tamperer) -> Touched:
    return log.remove(log.rows[log.chance.randrange(len(log.rows)) :])


def write_a_session_anew(log: Tamperer) -> Touched:
    """With other words, the right hashes, sealed with the right key, at the same positions."""
    rows = log.session(readable=True)
    cipher = log.cipher(rows)
    events = [(row, *codec.decode(row.stored, cipher)) for row in rows]
    at = log.chance.choice([at for at, (_, event, _) in enumerate(events) if _says(event)])
    head, words, first = b"", "", rows[at].version
    for number, (row, event, when) in enumerate(events):
        if number == at:
            event = _otherwise(event)
        words = "" if isinstance(event, ReplyStarted) else words
        words += "".join(event.parts) if isinstance(event, ReplyChunksRecorded) else ""
        if isinstance(event, ReplyCompleted):
            event = replace(event, text_hash=sha256(words.encode()).hexdigest())
        anew = codec.encode(row.session_id, row.version, event, when, head, row.version - 1, cipher)
        head = codec.digest(anew)
        log.update(row, state=anew.state)
    return [row.place for row in rows if row.version >= first]


def forge_a_session(log: Tamperer) -> Touched:
    """One that never was, without a fault, in holes between others."""
    visitor_id, session = UUID(bytes=log.chance.randbytes(16)), UUID(bytes=log.chance.randbytes(16))
    key = log.chance.randbytes(32)
    _keep_key(log, visitor_id, key, "INSERT INTO visitor_keys (wrapped, visitor_id) VALUES (%s, %s)")
    when = _when(log.rows)
    said: list[Event] = [
        SessionStarted(visitor_id, when, {}),
        VisitorMessagePosted(session, "I never said this"),
    ]
    head = b""
    for version, position in enumerate(sorted(log.chance.sample(log.holes, len(said))), 1):
        stored = codec.encode(session, version, said[version - 1], when, head, 0, AESGCM(key))
        head = codec.digest(stored)
        log.insert(stored, position)
    return [(session, 1), (session, 2)]


# --- keys


def replace_a_key(log: Tamperer) -> Touched:
    visitor_id = log.chance.choice([*log.wrapped])
    _keep_key(
        log,
        visitor_id,
        log.chance.randbytes(32),
        "UPDATE visitor_keys SET wrapped = %s, destroyed_at = NULL WHERE visitor_id = %s",
    )
    return _sessions_of(log, visitor_id)


def change_a_key(log: Tamperer) -> Touched:
    visitor_id, wrapped = log.chance.choice([(who, key) for who, key in log.wrapped.items() if key])
    changed = bytearray(wrapped)
    changed[log.chance.randrange(len(changed))] ^= 1 << log.chance.randrange(8)
    log.execute("UPDATE visitor_keys SET wrapped = %s WHERE visitor_id = %s", bytes(changed), visitor_id)
    return _sessions_of(log, visitor_id)


def swap_two_keys(log: Tamperer) -> Touched:
    (one, _), (_, key) = log.chance.sample([(who, key) for who, key in log.wrapped.items() if key], 2)
    log.execute("UPDATE visitor_keys SET wrapped = %s WHERE visitor_id = %s", key, one)
    return _sessions_of(log, one)


def remove_a_key(log: Tamperer) -> Touched:
    visitor_id = log.chance.choice([*log.wrapped])
    log.execute("DELETE FROM visitor_keys WHERE visitor_id = %s", visitor_id)
    return _sessions_of(log, visitor_id)


def destroy_a_key_of_somebody_who_did_not_ask(log: Tamperer) -> Touched:
    visitor_id = log.chance.choice([who for who, key in log.wrapped.items() if key])
    log.execute(
        "UPDATE visitor_keys SET wrapped = NULL, destroyed_at = now() WHERE visitor_id = %s", visitor_id
    )
    return _sessions_of(log, visitor_id)


# --- checkpoints


def change_a_checkpoint(log: Tamperer) -> Touched:
    one = log.chance.choice(log.checkpoints)
    column = log.chance.choice([*(COLUMNS.split(", ")), "hints"][1:])
    change = {
        "after": "after + 1",
        "up_to": log.chance.choice(["up_to + 1", "up_to - 1", "0", "9223372036854775807"]),
        "events": "events + 1",
        "signed_at": "signed_at - 86400000",
        "key_id": "reverse(key_id)",
    }.get(column, f"set_byte({column}, 3, (get_byte({column}, 3) + 1) %% 256)")
    log.execute(f"UPDATE checkpoints SET {column} = {change} WHERE number = %s", one.number)
    return [row.place for row in log.rows if one.after < row.position <= one.up_to]


def remove_a_checkpoint(log: Tamperer) -> Touched:
    one = log.chance.choice(log.checkpoints[:-1])
    log.execute("DELETE FROM checkpoints WHERE number = %s", one.number)
    return [row.place for row in log.rows if one.after < row.position <= one.up_to]


def sign_a_checkpoint_with_another_key(log: Tamperer) -> Touched:
    one = log.chance.choice(log.checkpoints)
    key = SigningKey(log.chance.randbytes(32))
    other = signed(replace(one, key_id=log.chance.choice([one.key_id, key.id])), key)
    log.execute(
        "UPDATE checkpoints SET key_id = %s, signature = %s WHERE number = %s",
        *(other.key_id, other.signature, one.number),
    )
    return [row.place for row in log.rows if one.after < row.position <= one.up_to]


def stamp_anew(log: Tamperer, key: SigningKey, most_events: int) -> None:
    """Sign the log as it is now, from its beginning, with this key."""
    log.execute("DELETE FROM checkpoints")
    before, after, number = GENESIS, 0, 1
    cursor = psycopg.RawCursor(log._connection)
    while True:
        cursor.execute(LEAVES, (after, END_OF_LOG, most_events))
        events, up_to, joined = cursor.fetchone() or (0, 0, b"")
        if not events:
            return
        leaves = [*leaves_of(joined)]
        hints = write_hints(leaves)
        draft = replace(
            log.checkpoints[0],
            number=number,
            after=after,
            up_to=up_to,
            events=events,
            root=root_of([leaf for *_, leaf in leaves]),
            hints_hash=sha256(hints).digest(),
            before=before,
            key_id=key.id,
        )
        checkpoint = signed(draft, key)
        fields = [getattr(checkpoint, name) for name in COLUMNS.split(", ")]
        places = ", ".join(["%s"] * (len(fields) + 1))
        log.execute(f"INSERT INTO checkpoints VALUES ({places})", *fields, hints)
        before, after, number = hash_of(checkpoint), up_to, number + 1


Tampering = Callable[[Tamperer], Touched]

IN_THE_LOG: Sequence[Tampering] = (
    flip_a_bit_of_a_state,
    change_a_letter_of_a_topic,
    give_an_event_another_topic,
    remove_an_event,
    append_an_event_that_follows_nothing,
    append_an_event_in_a_hole,
    swap_two_states,
    swap_two_positions,
    swap_two_positions_in_a_session,
    swap_two_versions,
    swap_two_events_of_two_sessions,
    renumber_a_version,
    move_an_event_to_another_position,
    move_an_event_to_another_session,
    remove_a_session,
    cut_off_the_tail_of_a_session,
    cut_off_the_tail_of_the_log,
    write_a_session_anew,
    forge_a_session,
)
IN_THE_KEYS: Sequence[Tampering] = (
    replace_a_key,
    change_a_key,
    swap_two_keys,
    remove_a_key,
    destroy_a_key_of_somebody_who_did_not_ask,
)
IN_THE_CHECKPOINTS: Sequence[Tampering] = (
    change_a_checkpoint,
    remove_a_checkpoint,
    sign_a_checkpoint_with_another_key,
)


def _says(event: Event) -> bool:
    return isinstance(event, VisitorMessagePosted | ReplyChunksRecorded)


def _otherwise(event: Event) -> Event:
    if isinstance(event, VisitorMessagePosted):
        return replace(event, text="I never said this")
    assert isinstance(event, ReplyChunksRecorded)
    return replace(event, parts=("Never ", *event.parts[1:]))


def _when(rows: Sequence[Row]):
    return codec.decode(rows[-1].stored, None)[1]


def _hole_after(log: Tamperer, position: int) -> int:
    later = [hole for hole in log.holes if hole > position]
    return log.chance.choice(later or log.holes)


def _place_at(log: Tamperer, row: Row, position: int) -> None:
    log.update(row, notification_id=position)


def _keep_key(log: Tamperer, visitor_id: UUID, key: bytes, query: str) -> None:
    nonce = log.chance.randbytes(12)
    log.execute(query, nonce + AESGCM(MASTER_KEY).encrypt(nonce, key, visitor_id.bytes), visitor_id)


def _sessions_of(log: Tamperer, visitor_id: UUID) -> Touched:
    return [rows[0].place for rows in log.sessions.values() if codec.visitor_of(rows[0].stored) == visitor_id]
