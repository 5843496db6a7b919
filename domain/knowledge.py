"""What an assistant knows, as data: questions with the answers that may be given to them, word for word."""

from msgspec import Struct, field


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing known. `also` are other ways to ask for it, `next` the ids of questions that follow
    naturally, and `source` says where the answer can be checked."""

    id: str
    question: str
    answer: str
    source: str
    also: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


class Knowledge(Struct, frozen=True, forbid_unknown_fields=True):
    """All that is known, in the order in which it was written down.

    `alike` are groups of words that mean the same when they are asked with. `beyond` is what visitors
    ask for in much the same words as those of the entries, and what none of these is an answer to.
    """

    entries: tuple[Entry, ...] = field(default=(), name="entry")
    alike: tuple[tuple[str, ...], ...] = ()
    beyond: tuple[str, ...] = ()
