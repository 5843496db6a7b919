"""A session as a file in an archive: its transcript in JSON."""

from collections.abc import Sequence

import msgspec

from domain.ports import Recorded
from projections.transcript import transcript


class _Place(msgspec.Struct):
    cursor: str


def exported(history: Sequence[Recorded]) -> bytes:
    """The file that a session's whole history makes."""
    return msgspec.json.format(msgspec.json.encode(transcript(history))) + b"\n"


def goes_further(new: bytes, old: bytes) -> bool:
    """Whether a file of a session has more of it than another. Raises OSError where that one isn't one."""
    try:
        return _version(new) > _version(old)
    except (msgspec.MsgspecError, ValueError):
        raise OSError("a file of this session's name is there, and isn't its transcript") from None


def _version(content: bytes) -> int:
    return int(msgspec.json.decode(content, type=_Place).cursor.partition(".")[0])
