"""Hears a message out: what it gives, what it wants, and what it asks."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain

from msgspec import Struct

from domain.assistant import Prompt
from domain.knowledge import Entry, Knowledge
from domain.persona import Persona
from infrastructure.assistants import details, intents
from infrastructure.assistants.chatter import plain_words
from infrastructure.assistants.ranking import Ranking

MOST_SENTENCES = 12
MOST_CLAUSES = 20
"""So many sentences are heard out, and so many clauses of each: it keeps a hostile message cheap."""

_SENTENCE_END = re.compile(r"(?<=[!?;\n…。！？])|(?<=\.)(?=\s)")


class Heard(Struct, frozen=True):
    """What a message says.

    `talk` is the small talk in it and `last` that which it ends with; `asks` says that it puts a question,
    `entry` is the one that answers, if any does, and `nearest` are those that come closest.
    """

    details: Mapping[str, str] = {}
    tries_to_give: bool = False
    talk: frozenset[intents.Kind] = frozenset()
    last: frozenset[intents.Kind] = frozenset()
    wants_quote: bool = False
    asks: bool = False
    entry: Entry | None = None
    nearest: tuple[Entry, ...] = ()


class Listener:
    """Listens for one persona, with its knowledge in mind."""

    def __init__(self, persona: Persona, knowledge: Knowledge) -> None:
        self._collects = details.KEYS & {detail.key for detail in persona.details}
        self._called = frozenset(plain_words(persona.name))
        self._ranking = Ranking(knowledge)
        self._questions = {_exact(entry.question): entry for entry in knowledge.entries}

    def hear(self, prompt: Prompt, *, awaits_name: bool) -> Heard:
        """What a message says. Where it `awaits_name`, a few words that stand alone may be one."""
        # A suggestion sends the very text of a question, which is then nothing else.
        if entry := self._questions.get(_exact(prompt.text)):
            return Heard(asks=True, entry=entry)
        found = details.find(
            prompt.text,
            asked=prompt.asked_for and "name" not in prompt.details,
            introduces=any(map(intents.wants_quote, chain.from_iterable(_sentences(prompt.text)))),
            known=self._ranking.words,
        )
        sentences = [
            [self._understood(clause, prompt) for clause in clauses] for clauses in _sentences(found.rest)
        ]
        clauses = list(chain.from_iterable(sentences))
        questions = [",".join(clause.text for clause in clauses if clause.is_open) for clauses in sentences]
        ranked = self._ranking.rank([*questions, " ".join(questions)])
        values = dict(found.values)
        if awaits_name and "name" not in values and (name := self._bare_name(questions)):
            values["name"] = name
        return Heard(
            details={key: value for key, value in values.items() if key in self._collects},
            tries_to_give=details.attempted(found.rest),
            talk=frozenset[intents.Kind]().union(*(clause.talk for clause in clauses)),
            last=clauses[-1].talk if clauses else frozenset(),
            wants_quote=any(clause.wants_quote for clause in clauses),
            asks=any("?" in question for question in questions),
            entry=ranked.best,
            nearest=ranked.nearest,
        )

    def _understood(self, clause: str, prompt: Prompt) -> "_Clause":
        if talk := intents.small_talk(clause, self._called):
            return _Clause(clause, talk)
        if intents.refused_ways(clause) or (prompt.asked_for and intents.declines(clause)):
            return _Clause(clause, intents.REFUSES)
        return _Clause(clause, wants_quote=intents.wants_quote(clause))

    def _bare_name(self, questions: list[str]) -> str | None:
        names = chain.from_iterable(details.bare_names(text, self._ranking.words) for text in questions)
        return next((name for name in names if not self._ranking.rank([name]).best), None)


class _Clause(Struct, frozen=True):
    """A part of a sentence, and what it is for; what is for nothing else is open to be a question."""

    text: str
    talk: frozenset[intents.Kind] = frozenset()
    wants_quote: bool = False

    @property
    def is_open(self) -> bool:
        return not (self.talk or self.wants_quote)


def _sentences(text: str) -> Iterator[list[str]]:
    """Sentences as lists of their clauses, without those that say nothing."""
    for sentence in _SENTENCE_END.split(text)[:MOST_SENTENCES]:
        if clauses := [clause for clause in sentence.split(",")[:MOST_CLAUSES] if clause.strip()]:
            yield clauses


def _exact(text: str) -> str:
    return " ".join(plain_words(text))
