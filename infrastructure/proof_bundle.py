"""A zip with which anybody can verify a conversation, without this service and without trusting it.

    events.jsonl      each event: as it is stored (`state`, in base64), and what it says, for reading
    proof.json        the checkpoint that covers the last events of it, and what leads from there to its root
    verify.py         checks them, with nothing but Python: `bundle_verifier.py`
    visitor.key       if it was asked for: what opens the sealed bytes, so that the very words are proved
    README.txt        what all of this is, and how to check it

It needs no date of its own: made again of the same events, it is the same, byte for byte.
"""

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from msgspec import Struct
from psycopg import RawCursor

from domain.errors import Conflict, CorruptLog
from domain.events import VisitorErased
from domain.proof import Checkpoint
from infrastructure import codec
from infrastructure.checkpoints import COLUMNS, LEAVES, checkpoint_of, leaf_of, leaves_of
from infrastructure.keyring import WrappedKeyring
from infrastructure.merkle import path_to, root_of

VERIFIER = Path(__file__).with_name("bundle_verifier.py")

README = """\
One conversation, and the proof that nobody has changed what was said in it. To check it, unpack all of it,
and run

    python3 verify.py

It needs Python 3.9 or newer and nothing else, and says in a line each what it has found right, and what it
doesn't check. It ends with 0 if nothing is wrong.

events.jsonl     every event: as it is stored (state), and what it says
proof.json       the signed checkpoint that covers them, and the way to it
verify.py        checks them; python3 verify.py --help says how
transcript.json  the conversation, for programs: who said what is checked, the rest isn't
transcript.html  the same, for reading: not checked
visitor.key      is here only if it was asked for: it proves the very words. It opens all that this visitor
                 has ever said, so keep it from whoever may not read that
"""

ERASED = "[erased]"

ROWS = """
    SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events
    WHERE originator_id = $1 AND originator_version <= $2 ORDER BY originator_version
"""

ERASED_AFTER = """
    SELECT 1 FROM stored_events WHERE originator_id = $1 AND originator_version > $2 AND topic = $3 LIMIT 1
"""

KEY = "SELECT wrapped FROM visitor_keys WHERE visitor_id = $1"

COVERING = f"SELECT {COLUMNS} FROM checkpoints WHERE after < $1 AND up_to >= $1 ORDER BY number LIMIT 1"  # noqa: S608

PLACE = """
    SELECT count(*) FROM stored_events WHERE notification_id > $1 AND notification_id < $2
"""


class Shown(Struct):
    """An event as it is stored and, of the same bytes, as it is read: `sealed` by the names of its fields."""

    position: int
    version: int
    topic: str
    at: int
    clear: msgspec.Raw
    sealed: dict[str, Any] | str
    state: bytes


class Inclusion(Struct):
    """That an event is in a checkpoint's tree: the leaf of this index, and the hashes beside its way up."""

    version: int
    index: int
    path: Sequence[bytes]


class Proof(Struct):
    """What proof.json holds. Without a checkpoint, none covers anything of the session yet."""

    session_id: UUID
    public_key: bytes
    checkpoint: Checkpoint | None
    inclusion: Inclusion | None


class ProofBundle:
    """Makes bundles, on a connection that is in a transaction."""

    def __init__(self, connection: psycopg.Connection, keyring: WrappedKeyring, public_key: bytes) -> None:
        self._connection = connection
        self._keyring = keyring
        self._public_key = public_key

    def make(self, session_id: UUID, up_to: int, renderings: Mapping[str, bytes], *, with_key: bool) -> bytes:
        """See `domain.proof.Auditor.bundle`. Raises CorruptLog, Conflict."""
        rows = self._fetch(ROWS, (session_id, up_to))
        if self._fetch(ERASED_AFTER, (session_id, up_to, VisitorErased.topic)):
            raise Conflict  # the renderings are of before
        # Somebody may just be about to destroy the key of who is erased.
        is_erased = any(topic == VisitorErased.topic for *_, topic, _ in rows)
        key = None if is_erased else self._key_of(StoredEvent(*rows[0][1:]))
        files = {
            "events.jsonl": _events(rows, AESGCM(key) if key else None),
            **renderings,
            "proof.json": msgspec.json.format(msgspec.json.encode(self._proof(session_id, rows))) + b"\n",
            "verify.py": VERIFIER.read_bytes(),
            "README.txt": README.encode(),
        }
        if key and with_key:
            files["visitor.key"] = base64.b64encode(key) + b"\n"
        return _zipped(files)

    def _key_of(self, first: StoredEvent) -> bytes | None:
        visitor_id = codec.visitor_of(first)
        rows = self._fetch(KEY, (visitor_id,))
        if not rows:
            raise CorruptLog(f"session {first.originator_id}: a visitor's key is missing")
        return self._keyring.unwrap(visitor_id, rows[0][0]) if rows[0][0] else None

    def _proof(self, session_id: UUID, rows: Sequence[Any]) -> Proof:
        for position, *row in reversed(rows):
            if found := self._fetch(COVERING, (position,)):
                checkpoint = checkpoint_of(found[0])
                return Proof(
                    session_id,
                    self._public_key,
                    checkpoint,
                    self._inclusion(checkpoint, position, StoredEvent(*row)),
                )
        return Proof(session_id, self._public_key, None, None)

    def _inclusion(self, checkpoint: Checkpoint, position: int, row: StoredEvent) -> Inclusion:
        ((events, _, joined),) = self._fetch(
            LEAVES, (checkpoint.after, checkpoint.up_to, checkpoint.events + 1)
        )
        hashes = [leaf for *_, leaf in leaves_of(joined)]
        ((index,),) = self._fetch(PLACE, (checkpoint.after, position))
        is_whole = events == checkpoint.events and root_of(hashes) == checkpoint.root
        if not is_whole or hashes[index] != leaf_of(position, codec.digest(row)):
            raise CorruptLog(
                f"session {row.originator_id}, version {row.originator_version}: the log doesn't hold there "
                f"what checkpoint {checkpoint.number} says that it held: see `verbatim verify --all`"
            )
        return Inclusion(row.originator_version, index, path_to(index, hashes))

    def _fetch(self, query: str, params: Sequence[object]) -> list[Any]:
        return RawCursor(self._connection).execute(query.encode(), params, binary=True).fetchall()


def _events(rows: Sequence[Any], cipher: AESGCM | None) -> bytes:
    return b"".join(
        msgspec.json.encode(_shown(position, StoredEvent(*row), cipher)) + b"\n" for position, *row in rows
    )


def _shown(position: int, row: StoredEvent, cipher: AESGCM | None) -> Shown:
    envelope, personal = codec.opened(row, cipher)
    sealed: dict[str, Any] | str = personal or {}
    if personal is None and codec.personal_fields(row.topic):
        sealed = ERASED
    return Shown(position, row.originator_version, row.topic, envelope.at, envelope.data, sealed, row.state)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return made.getvalue()
