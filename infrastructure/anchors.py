"""Anchors as files: read, and not believed before they prove to be what they say."""

from itertools import pairwise

import msgspec

from domain.proof import Anchor
from infrastructure.checkpoints import has_signature_of, hash_of
from infrastructure.signing import key_id


class AnchorError(ValueError):
    """What was given isn't an anchor: says why."""


def read_anchor(raw: bytes) -> Anchor:
    """An anchor from its JSON. Raises AnchorError."""
    try:
        anchor = msgspec.json.decode(raw, type=Anchor)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AnchorError(f"it isn't what `verbatim anchor` writes: {error}") from None
    if not anchor.checkpoints:
        raise AnchorError("it holds no checkpoint: there was none yet when it was made")
    for checkpoint in anchor.checkpoints:
        if not has_signature_of(checkpoint, anchor.public_key) or checkpoint.key_id != key_id(
            anchor.public_key
        ):
            raise AnchorError(f"the signature of checkpoint {checkpoint.number} doesn't hold: it was changed")
    for before, checkpoint in pairwise(anchor.checkpoints):
        if checkpoint.number <= before.number:
            raise AnchorError(
                f"checkpoint {checkpoint.number} comes after {before.number}: give them in order"
            )
        if checkpoint.number == before.number + 1 and checkpoint.before != hash_of(before):
            raise AnchorError(f"checkpoint {checkpoint.number} doesn't name the hash of {before.number}")
    return anchor
