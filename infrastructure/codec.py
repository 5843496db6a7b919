"""Event <-> stored event: topics, upcasters, sealing, and the chain of hashes.

`state` is a JSON envelope, as small as it can be, since every batch of words pays for it:

    {"at": ms since 1970, "prev": hash of the event before, "cause": version, "data": {...}, "sealed": "..."}

`prev` is left out of a session's first event; `cause` wherever it is the event before. `data` holds the
clear fields. `sealed` holds the personal ones: base64, without padding, of a 12-byte nonce and the
AES-256-GCM ciphertext of their values, a MessagePack array in the order in which the event's type names
them (where words are short, that is a third less than JSON); session, version and topic are the associated
data, so that a sealed field can't be moved.
The hash of an event is the SHA-256 of session, version, topic and `state`, as stored: it covers the sealed
bytes, and goes on to hold when the key that opens them is destroyed.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple, get_origin, get_type_hints
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from domain.errors import CorruptLog
from domain.events import EVENTS, Event

NONCE_BYTES = 12

Fields = dict[str, Any]


class Upcaster(NamedTuple):
    """How events of a topic that isn't written any more become those of the next one.

    `personal` names the fields that the old topic sealed, in order.
    """

    topic: str
    personal: tuple[str, ...]
    change: Callable[[Fields], Fields]


UPCASTERS: dict[str, Upcaster] = {
    # A client_message_id was clear.
    "visitor_message_posted.v1": Upcaster("visitor_message_posted.v2", ("text",), lambda fields: fields),
    # What is counted stood nowhere but in what was said.
    "details_collected.v1": Upcaster(
        "details_collected.v2", ("values",), lambda fields: fields | {"keys": list(fields.get("values", ()))}
    ),
    "suggestions_offered.v1": Upcaster(
        "suggestions_offered.v2",
        ("suggestions",),
        lambda fields: fields | {"count": len(fields.get("suggestions", ()))},
    ),
    "reply_completed.v1": Upcaster("reply_completed.v2", ("text_hash",), lambda fields: fields),
}
"""By old topic. They are chained until a topic of today is reached."""


_NO_DATA = msgspec.Raw(b"{}")


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `state` holds, `data` still as JSON."""

    at: int
    prev: str = ""
    cause: int = 0
    data: msgspec.Raw = _NO_DATA
    sealed: str = ""


class _Visitor(msgspec.Struct):
    visitor_id: UUID


class _Nonces:
    """Random nonces, fetched from the system many at a time: the call costs more than the encryption."""

    def __init__(self) -> None:
        self._unused: list[bytes] = []

    def take(self) -> bytes:
        if not self._unused:
            random = os.urandom(256 * NONCE_BYTES)
            self._unused = [random[at : at + NONCE_BYTES] for at in range(0, len(random), NONCE_BYTES)]
        return self._unused.pop()

    def forget(self) -> None:
        self._unused.clear()


class _Format:
    """How events of one topic are written."""

    __slots__ = ("clear", "empty", "event_type", "personal")

    def __init__(self, event_type: type[Event]) -> None:
        names, defaults = event_type.__struct_fields__, event_type.__struct_defaults__
        required = len(names) - len(defaults)
        self.event_type = event_type
        self.personal = event_type.personal
        self.clear = tuple(
            (name, defaults[index - required] if index >= required else _NO_DEFAULT)
            for index, name in enumerate(names)
            if name not in event_type.personal
        )
        types = get_type_hints(event_type)
        self.empty = {
            name: _EMPTY.get(get_origin(types[name]) or types[name]) for name in event_type.personal
        }


_UNREADABLE = (
    *(msgspec.MsgspecError, ValueError, OverflowError, RecursionError),
    *(KeyError, TypeError, AttributeError, InvalidTag),
)
"""What reading raises of bytes that we haven't written: nothing that is stored may break whoever reads it."""

_NO_DEFAULT = object()
_EMPTY: dict[Any, Any] = {str: "", tuple: (), dict: {}}
"""A personal field of this type, where nobody can read it; of any other, None."""
_FORMATS = {event_type.topic: _Format(event_type) for event_type in EVENTS}
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_decode_envelope = msgspec.json.Decoder(Envelope).decode
_decode_fields = msgspec.json.Decoder(Fields).decode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode
_nonces = _Nonces()
# A forked process must not use the nonces that its parent will use: with one key, that would undo the cipher.
os.register_at_fork(after_in_child=_nonces.forget)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def encode(
    session_id: UUID,
    version: int,
    event: Event,
    at: datetime,
    prev: bytes,
    cause: int,
    cipher: AESGCM | None,
) -> StoredEvent:
    """An event as it is stored after the event whose hash is `prev` (empty for a session's first).

    Without a cipher, only an event that has nothing personal.
    """
    topic = event.topic
    written = _FORMATS[topic]
    sealed = ""
    if written.personal:
        assert cipher, f"{topic} can't be sealed: the visitor's key is destroyed"
        nonce = _nonces.take()
        secret = _pack([getattr(event, field) for field in written.personal])
        sealed = _text_of(nonce + cipher.encrypt(nonce, secret, _place(session_id, version, topic)))
    clear = {field: value for field, default in written.clear if (value := getattr(event, field)) != default}
    envelope = Envelope(
        at=(at - _EPOCH) // _MILLISECOND,
        prev=_text_of(prev),
        cause=0 if cause == version - 1 else cause,
        data=msgspec.Raw(_encode(clear)) if clear else _NO_DATA,
        sealed=sealed,
    )
    return StoredEvent(session_id, version, topic, _encode(envelope))


def decode(stored: StoredEvent, cipher: AESGCM | None) -> tuple[Event, datetime]:
    """The event, and when it was recorded. Without a cipher, its personal fields are empty.

    Raises CorruptLog.
    """
    event, at, _ = read(stored, cipher)
    return event, at


def read(stored: StoredEvent, cipher: AESGCM | None) -> tuple[Event, datetime, str]:
    """As `decode`, and what the event names as the hash of the one before it: see `as_named`."""
    try:
        envelope = _decode_envelope(stored.state)
        personal = _unseal(stored, envelope.sealed, cipher) if cipher else None
        event = _event(stored.topic, _decode_fields(envelope.data), personal)
        at = _EPOCH + envelope.at * _MILLISECOND
    except _UNREADABLE as error:
        raise CorruptLog(
            f"session {stored.originator_id}, version {stored.originator_version}: "
            f"{stored.topic} can't be read ({type(error).__name__})"
        ) from error
    return event, at, envelope.prev


def opened(stored: StoredEvent, cipher: AESGCM | None) -> tuple[Envelope, dict[str, Any] | None]:
    """The envelope, and the personal fields by name as they were sealed: None without a cipher.

    Raises CorruptLog.
    """
    try:
        envelope = _decode_envelope(stored.state)
        personal = _unseal(stored, envelope.sealed, cipher) if cipher else None
        named = (
            dict(zip(personal_fields(stored.topic), personal, strict=True)) if personal is not None else None
        )
    except _UNREADABLE as error:
        raise CorruptLog(
            f"session {stored.originator_id}, version {stored.originator_version}: "
            f"{stored.topic} can't be read ({type(error).__name__})"
        ) from error
    return envelope, named


def personal_fields(topic: str) -> tuple[str, ...]:
    """The fields that events of a topic seal, in order. Raises KeyError for a topic that there never was."""
    return (_FORMATS.get(topic) or UPCASTERS[topic]).personal


def was_not_opened(error: CorruptLog) -> bool:
    """Whether an event can't be read because the key doesn't open it."""
    return isinstance(error.__cause__, InvalidTag)


def visitor_of(stored: StoredEvent) -> UUID:
    """The visitor that a session's first event names, in clear. Raises CorruptLog."""
    try:
        envelope = _decode_envelope(stored.state)
        return msgspec.json.decode(envelope.data, type=_Visitor).visitor_id
    except _UNREADABLE as error:
        raise CorruptLog(f"session {stored.originator_id}: its first event can't be read") from error


def digest(stored: StoredEvent) -> bytes:
    """The hash that the next event names."""
    assert isinstance(stored.originator_id, UUID)
    place = _place(stored.originator_id, stored.originator_version, stored.topic)
    return sha256(place + b"\0" + stored.state).digest()


def as_named(prev: bytes) -> str:
    """A hash as the next event names it."""
    return _text_of(prev)


def _text_of(raw: bytes) -> str:
    return b64encode(raw).decode().rstrip("=")


def _place(session_id: UUID, version: int, topic: str) -> bytes:
    return session_id.bytes + version.to_bytes(8, "big") + topic.encode()


def _unseal(stored: StoredEvent, sealed: str, cipher: AESGCM) -> list[Any]:
    assert isinstance(stored.originator_id, UUID)
    if not sealed:
        return []
    raw = b64decode(sealed + "=" * (-len(sealed) % 4), validate=True)
    place = _place(stored.originator_id, stored.originator_version, stored.topic)
    return _unpack(cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place))


def _event(topic: str, clear: Fields, personal: list[Any] | None) -> Event:
    names = personal_fields(topic)
    fields = clear | (dict(zip(names, personal, strict=True)) if personal is not None else {})
    while topic not in _FORMATS:
        upcaster = UPCASTERS[topic]
        topic, fields = upcaster.topic, upcaster.change(fields)
    written = _FORMATS[topic]
    return msgspec.convert(fields if personal is not None else written.empty | fields, written.event_type)
