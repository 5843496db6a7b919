"""What a text is about: its telling words, told apart from the chatter around them.

Words are compared by their stems, so that "lease" and "leasing" are the same; words that mean the same
count as one; and what a visitor misspells is read as the word that is meant.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import snowballstemmer

from infrastructure.assistants.chatter import COMMON, STOPWORDS, plain_words

MOST_WORDS = 100
"""How many words of one text count: more wouldn't make it clearer, only slower."""

LIKENESS = 0.82
"""How like a known word a misspelt one must be, as difflib measures it: one slip in six letters."""


class Terms:
    """Finds the terms of texts, as seen by somebody who knows the words of `phrases` and `answers`.

    The phrases are what visitors ask with: what is misspelt is looked for among their words, and common
    words count only if they are among them. `alike` are groups of words that mean the same. `words` are all
    that visitors ask with.
    """

    def __init__(
        self, phrases: Iterable[str], answers: Iterable[str], alike: Sequence[Sequence[str]] = ()
    ) -> None:
        self._stemmer = snowballstemmer.stemmer("english")
        self._terms: dict[str, str] = {}  # of the words that are known, since stemming is slow
        self._alike: dict[str, str] = {
            self._stemmer.stemWord(word): group[0] for group in alike for word in group
        }
        words = _telling([*phrases, *(" ".join(group) for group in alike)])
        self.words = frozenset(words)
        self._terms = {word: self._term(word) for word in words | _telling(answers)}
        self._known = frozenset(self._terms.values())
        self._asked_with = frozenset(self._terms[word] for word in words)
        # By initial, which is hardly ever mistyped: comparing with every word would be slow.
        self._spellings: dict[str, list[str]] = {}
        for word in words:
            self._spellings.setdefault(word[0], []).append(word)

    def of(self, text: str) -> list[str]:
        """The terms of a phrase or an answer, as often as they occur."""
        return [self._term(word) for word in plain_words(text) if word not in STOPWORDS]

    def asked(self, text: str) -> list[str]:
        """The terms of what a visitor has typed, each once; what nobody knows too, so that it can count."""
        words = list(_telling([text]))[:MOST_WORDS]
        return list(dict.fromkeys(term for word in words if (term := self._meant(word))))

    def _meant(self, word: str) -> str | None:
        term = self._term(word)
        if term in self._asked_with:
            return term
        # An everyday word, a letter or a number that nobody asks with says nothing of the subject.
        if word in COMMON or len(word) == 1 or word[0].isdigit():
            return None
        if term in self._known or len(word) < 4:
            return term
        near = get_close_matches(word, self._spellings.get(word[0], ()), 1, LIKENESS)
        return self._term(near[0]) if near else term

    def _term(self, word: str) -> str:
        if term := self._terms.get(word):
            return term
        stem: str = self._stemmer.stemWord(word)
        return self._alike.get(stem, stem)


def _telling(texts: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(word for text in texts for word in plain_words(text) if word not in STOPWORDS)
