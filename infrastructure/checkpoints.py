"""Checkpoints as they are kept, written for signing, and chained. `domain.proof` says what they are.

A leaf of the tree is an event's position, 8 bytes, and its hash. What is signed is text, one line a field in
the order of `Checkpoint`, as JSON would write its value; what the next checkpoint names is the SHA-256 of
that text and the signature.
"""

import struct
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from domain.proof import Checkpoint
from infrastructure.merkle import leaf_hash
from infrastructure.signing import SigningKey, is_signed

CREATE_CHECKPOINTS = """
CREATE TABLE IF NOT EXISTS checkpoints (
    number bigint PRIMARY KEY,
    after bigint NOT NULL,
    up_to bigint NOT NULL,
    events integer NOT NULL,
    root bytea NOT NULL,
    hints_hash bytea NOT NULL,
    before bytea NOT NULL,
    signed_at bigint NOT NULL,
    key_id text NOT NULL,
    signature bytea NOT NULL,
    hints bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS checkpoints_up_to ON checkpoints (up_to);
"""

COLUMNS = ", ".join(Checkpoint.__struct_fields__)
"""Those of a checkpoint, in its order."""

LEAVES = """
    SELECT coalesce(count(*), 0), coalesce(max(notification_id), $1), coalesce(string_agg(
        int8send(notification_id) || uuid_send(originator_id) || int8send(originator_version) ||
        sha256(uuid_send(originator_id) || int8send(originator_version) ||
            convert_to(topic, 'UTF8') || '\\x00'::bytea || state),
        ''::bytea ORDER BY notification_id
    ), ''::bytea)
    FROM (
        SELECT * FROM stored_events WHERE notification_id > $1 AND notification_id <= $2
        ORDER BY notification_id LIMIT $3
    ) AS next
"""
"""How many events there are after a position, up to another, the first so many of them; the position of the
last; and, as one value, the leaves: PostgreSQL hashes as `codec.digest` does, so that no event need be
fetched."""

GENESIS = bytes(32)
"""What the first checkpoint names as the one before."""

END_OF_LOG = 2**63 - 1

HEADER = "verbatim checkpoint v1"

_LEAF = struct.Struct(">q16sq32s")
_POSITION = struct.Struct(">q")


def leaves_of(joined: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """What `LEAVES` joined, as session, version and hash of each leaf."""
    for position, session, version, digest in _LEAF.iter_unpack(joined):
        yield session, version, leaf_of(position, digest)


def leaf_of(position: int, digest: bytes) -> bytes:
    """The hash of the leaf for an event."""
    return leaf_hash(_POSITION.pack(position) + digest)


def signed_text(checkpoint: Checkpoint) -> bytes:
    """What is signed."""
    fields = to_builtins(checkpoint)
    del fields["signature"]
    return "".join(f"{line}\n" for line in (HEADER, *(f"{k}: {v}" for k, v in fields.items()))).encode()


def hash_of(checkpoint: Checkpoint) -> bytes:
    """What the next checkpoint names."""
    return sha256(signed_text(checkpoint) + checkpoint.signature).digest()


def signed(checkpoint: Checkpoint, key: SigningKey) -> Checkpoint:
    """The checkpoint with its signature."""
    return replace(checkpoint, signature=key.sign(signed_text(checkpoint)))


def has_signature_of(checkpoint: Checkpoint, public_key: bytes) -> bool:
    """Whether this key has signed the checkpoint."""
    return is_signed(signed_text(checkpoint), checkpoint.signature, public_key)


def checkpoint_of(row: Any) -> Checkpoint:
    """The checkpoint that the first columns of a row hold."""
    return Checkpoint(*row[: len(Checkpoint.__struct_fields__)])
