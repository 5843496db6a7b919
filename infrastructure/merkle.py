"""Merkle trees as RFC 6962 has them: leaves and nodes are hashed apart, so that neither passes for the
other."""

from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + leaf).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root of the tree over leaves with these hashes."""
    if not hashes:
        return EMPTY
    level = hashes
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def path_to(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """What leads from a leaf to the root: the hashes beside the way, from below."""
    path: list[bytes] = []
    level = hashes
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):  # else it goes up as it is
            path.append(level[beside])
        level, index = _next_level(level), index // 2
    return path


def _next_level(level: Sequence[bytes]) -> list[bytes]:
    """The nodes above: the last one of an odd number goes up as it is."""
    above = [
        sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    if len(level) % 2:
        above.append(level[-1])
    return above
