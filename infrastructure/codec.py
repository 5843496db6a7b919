"""Event <-> stored event: topics, upcasters, sealing, and the chain of hashes.

`state` is a JSON envelope, as small as it can be, since every batch of words pays for it:

    {"at": ms since 1970, "prev": hash of the event before, "cause": version, "data": {...}, "sealed": "..."}

`prev` is left out of a session's first event; `cause` wherever it is the event before. `data` holds the
clear fields. `sealed` holds the personal ones: base64 of a 12-byte nonce and the AES-256-GCM ciphertext
of their JSON, with session, version and topic as associated data, so that a sealed field can't be moved.
The hash of an event is the SHA-256 of session, version, topic and `state`, as stored: it covers the sealed
bytes, and goes on to hold when the key that opens them is destroyed.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from domain.errors import CorruptLog
from domain.events import EVENTS, Event

NONCE_BYTES = 12

Fields = dict[str, Any]
Upcaster = tuple[str, Callable[[Fields], Fields]]

UPCASTERS: dict[str, Upcaster] = {}
"""Old topic -> (the next topic, how its fields become that one's). Chained until a topic of today is reached."""


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `state` holds, `data` still as JSON."""

    at: int
    prev: str = ""
    cause: int = 0
    data: msgspec.Raw = msgspec.Raw(b"{}")
    sealed: str = ""


class _Visitor(msgspec.Struct):
    visitor_id: UUID


class _Format:
    """How events of one topic are written."""

    __slots__ = ("clear", "decode", "personal", "topic")

    def __init__(self, event_type: type[Event]) -> None:
        fields = event_type.__struct_fields__
        self.topic = event_type.topic
        self.personal = event_type.personal
        self.clear = tuple(field for field in fields if field not in self.personal)
        self.decode = msgspec.json.Decoder(event_type).decode


_FORMATS = {event_type.topic: _Format(event_type) for event_type in EVENTS}
_DEFAULTS = {
    event_type: {
        name: default
        for name, default in zip(
            reversed(event_type.__struct_fields__), reversed(event_type.__struct_defaults__)
        )
    }
    for event_type in EVENTS
}
_encode = msgspec.json.Encoder().encode
_decode_envelope = msgspec.json.Decoder(Envelope).decode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def encode(
    session_id: UUID,
    version: int,
    event: Event,
    at: datetime,
    prev: bytes,
    cause: int,
    cipher: AESGCM,
) -> StoredEvent:
    """An event as it is stored after the event whose hash is `prev` (empty for a session's first)."""
    topic = event.topic
    format = _FORMATS[topic]
    sealed = ""
    if format.personal:
        nonce = os.urandom(NONCE_BYTES)
        secret = _encode({field: getattr(event, field) for field in format.personal})
        sealed = b64encode(nonce + cipher.encrypt(nonce, secret, _place(session_id, version, topic))).decode()
    defaults = _DEFAULTS[type(event)]
    clear = {
        field: value
        for field in format.clear
        if (value := getattr(event, field)) is not defaults.get(field, defaults)
    }
    envelope = Envelope(
        at=(at - _EPOCH) // _MILLISECOND,
        prev=b64encode(prev).decode().rstrip("="),
        cause=0 if cause == version - 1 else cause,
        data=msgspec.Raw(_encode(clear)) if clear else msgspec.Raw(b"{}"),
        sealed=sealed,
    )
    return StoredEvent(session_id, version, topic, _encode(envelope))


def decode(stored: StoredEvent, cipher: AESGCM) -> tuple[Event, datetime]:
    """The event, and when it was recorded. Raises CorruptLog."""
    try:
        envelope = _decode_envelope(stored.state)
        fields = envelope.data
        if envelope.sealed:
            fields = _joined(fields, _unseal(stored, envelope.sealed, cipher))
        event = _FORMATS[stored.topic].decode(fields) if stored.topic in _FORMATS else _upcast(stored, fields)
    except (msgspec.MsgspecError, ValueError, InvalidTag, KeyError) as error:
        raise CorruptLog(
            f"session {stored.originator_id}, version {stored.originator_version}: "
            f"{stored.topic} can't be read ({type(error).__name__})"
        ) from error
    return event, _EPOCH + envelope.at * _MILLISECOND


def visitor_of(stored: StoredEvent) -> UUID:
    """The visitor that a session's first event names, in clear. Raises CorruptLog."""
    try:
        envelope = _decode_envelope(stored.state)
        return msgspec.json.decode(envelope.data, type=_Visitor).visitor_id
    except msgspec.MsgspecError as error:
        raise CorruptLog(f"session {stored.originator_id}: its first event can't be read") from error


def digest(stored: StoredEvent) -> bytes:
    """The hash that the next event names."""
    assert isinstance(stored.originator_id, UUID)
    place = _place(stored.originator_id, stored.originator_version, stored.topic)
    return sha256(place + b"\0" + stored.state).digest()


def follows(stored: StoredEvent, prev: bytes) -> bool:
    """Whether a stored event names this hash as that of the event before it."""
    return _decode_envelope(stored.state).prev == b64encode(prev).decode().rstrip("=")


def _place(session_id: UUID, version: int, topic: str) -> bytes:
    return session_id.bytes + version.to_bytes(8, "big") + topic.encode()


def _unseal(stored: StoredEvent, sealed: str, cipher: AESGCM) -> bytes:
    assert isinstance(stored.originator_id, UUID)
    raw = b64decode(sealed, validate=True)
    place = _place(stored.originator_id, stored.originator_version, stored.topic)
    return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place)


def _joined(clear: msgspec.Raw, personal: bytes) -> bytes:
    """Two JSON objects as one: their fields are never the same."""
    inner = bytes(clear)[1:-1]
    return b"{" + inner + b"," + personal[1:] if inner else personal


def _upcast(stored: StoredEvent, fields: bytes | msgspec.Raw) -> Event:
    topic, values = stored.topic, msgspec.json.decode(fields, type=dict[str, Any])
    while topic not in _FORMATS:
        topic, change = UPCASTERS[topic]
        values = change(values)
    return _FORMATS[topic].decode(_encode(values))


def topics() -> Sequence[str]:
    """All topics that are written today."""
    return tuple(_FORMATS)
