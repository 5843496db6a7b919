"""Finds what a question is about: ranks the entries of a knowledge by BM25.

An entry is ranked twice: by the best single one of its phrases (its question and the other ways to ask
it), which knows a short question that is put the same way, and by all that is written in it, which knows
a question put in other words. Its score is the mean of both, as a share of what the message could score
at most: a word that nobody here knows counts against every entry. So one threshold suits all messages.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from math import log1p
from typing import Any

import bm25s
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from domain.knowledge import Entry, Knowledge
from infrastructure.assistants.chatter import plain_words
from infrastructure.assistants.terms import MOST_WORDS, Terms

THRESHOLD = 0.22
"""The score from which an entry answers. Measured with `tests/unit/guide_questions.toml`: here 96 % of what
was asked is answered right and 98 % of what nobody knows is left; higher loses the one, lower the other."""

QUESTION_WEIGHT, ALSO_WEIGHT = 3, 2
"""How often the words of the question, and of the other ways to ask it, count for one in the answer."""

WORDING_WEIGHT = 0.2
"""For the words as they stand, chatter and all: "who" or "already" may settle a draw, and no more."""

LEAST_SAID = 0.7
"""A message counts as saying at least so much, in unknown words: "nice car" is no question about cars."""

Scores = NDArray[np.float32]


class Ranked(Struct, frozen=True):
    """The entry that answers, if there is one, and those that come closest, best first."""

    best: Entry | None = None
    nearest: tuple[Entry, ...] = ()


class Ranking:
    """Ranks the entries of one knowledge, and what is beyond it: if that comes first, no entry answers.

    `words` are those that visitors ask for all this with.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._entries = knowledge.entries
        phrases = [(entry.question, *entry.also) for entry in knowledge.entries]
        phrases += [(phrase,) for phrase in knowledge.beyond]
        every_phrase = list(chain.from_iterable(phrases))
        answers = [entry.answer for entry in knowledge.entries]
        self._terms = Terms(every_phrase, answers, knowledge.alike)
        self.words = self._terms.words
        self._subjects = len(phrases)
        self._subject_of = np.repeat(np.arange(len(phrases)), [len(of_one) for of_one in phrases])
        self._phrases = _Index([self._terms.of(phrase) for phrase in every_phrase])
        self._wholes = _Index(
            [self._whole(entry) for entry in knowledge.entries]
            + [self._terms.of(phrase) for phrase in knowledge.beyond]
        )
        self._wordings = _Index([plain_words(phrase) for phrase in every_phrase])

    def rank(self, texts: Iterable[str]) -> Ranked:
        """What any of the texts (a message, its sentences) is about."""
        scores = np.zeros(self._subjects, np.float32)
        wording = np.zeros(self._subjects, np.float32)
        for text in texts:
            terms = self._terms.asked(text)
            np.maximum(
                scores, (self._best(self._phrases, terms) + self._wholes.shares(terms)) / 2, out=scores
            )
            np.maximum(wording, self._best(self._wordings, plain_words(text)[:MOST_WORDS]), out=wording)
        order = np.argsort(-(scores + WORDING_WEIGHT * wording), kind="stable")
        found = [int(n) for n in order if scores[n] > 0]
        answers = bool(found) and found[0] < len(self._entries) and scores[found[0]] >= THRESHOLD
        nearest = tuple(self._entries[n] for n in found if n < len(self._entries))
        return Ranked(nearest[0] if answers else None, nearest)

    def _whole(self, entry: Entry) -> list[str]:
        also = chain.from_iterable(map(self._terms.of, entry.also))
        return [
            *self._terms.of(entry.question) * QUESTION_WEIGHT,
            *list(also) * ALSO_WEIGHT,
            *self._terms.of(entry.answer),
        ]

    def _best(self, index: "_Index", terms: Sequence[str]) -> Scores:
        """Of each subject, the share of its best phrase."""
        best = np.zeros(self._subjects, np.float32)
        np.maximum.at(best, self._subject_of, index.shares(terms))
        return best


class _Index:
    """BM25 over documents that are given as terms."""

    def __init__(self, documents: list[list[str]]) -> None:
        self._size = len(documents)
        holding = Counter(chain.from_iterable(map(set, documents)))
        self._weights = {term: self._weight(count) for term, count in holding.items()}
        self._unknown = self._weight(0)
        self._bm25: Any = bm25s.BM25()
        if holding:
            self._bm25.index(documents, show_progress=False)

    def shares(self, terms: Sequence[str]) -> Scores:
        """Of each document, what it scores as a share of what these terms could score."""
        known = [term for term in terms if term in self._weights]
        if not known:
            return np.zeros(self._size, np.float32)
        could_score = sum(self._weights.get(term, self._unknown) for term in terms)
        scores: Scores = self._bm25.get_scores(known) / max(could_score, LEAST_SAID * self._unknown)
        return scores

    def _weight(self, holding: int) -> float:
        """BM25's own weight of a term that so many documents hold, which is the most it scores in one."""
        return log1p((self._size - holding + 0.5) / (holding + 0.5))
