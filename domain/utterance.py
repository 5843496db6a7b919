"""The text of a reply as far as it has been spoken: it grows without being copied.

A reply of a thousand words passes through hundreds of states, and each is kept for as long as somebody is
still to be told of it. So they share one list of pieces, and each knows how many of them are its own.
"""

from collections.abc import Sequence

from msgspec import Struct


class Utterance(Struct, frozen=True, eq=False, gc=False):
    """What has been said so far. `chars` is its length."""

    pieces: list[str]
    count: int = 0
    chars: int = 0

    @classmethod
    def nothing(cls) -> "Utterance":
        """The beginning of one."""
        return cls([])

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces[: self.count])

    def plus(self, pieces: Sequence[str]) -> "Utterance":
        """This, and more after it."""
        # Where something else has been said after this, it stands in our place already.
        shared = self.pieces if len(self.pieces) == self.count else self.pieces[: self.count]
        shared.extend(pieces)
        return Utterance(shared, len(shared), self.chars + sum(map(len, pieces)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Utterance) and self.chars == other.chars and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
