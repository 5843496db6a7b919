"""Cuts a stream of text into words, whatever pieces it arrives in.

A word is everything up to and including the one white-space character that ends it, as in the
protocol's own example, `"word "`. Scripts that are written without spaces are cut where a reader's
eye could rest: Chinese, Japanese and fullwidth punctuation by the character; Thai, Lao, Khmer and
Burmese, whose words only a dictionary knows, in short runs that never part a mark from its letter.
The pieces joined are the text, and they don't depend on how it was delivered.
"""

import re

LONGEST = 64
"""Characters after which a run without any space is cut all the same."""

_MARKS = (
    "\u0300-\u036f\u0e31\u0e33-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb3-\u0ebc\u0ec8-\u0ece\u102b-\u103e"
    "\u1056-\u1059\u17b4-\u17d3\u200c\u200d\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f"
    "\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef"
)
_IDEOGRAPHS = (
    "\u2e80-\u3098\u309b-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff01-\uff9f\U00020000-\U0003ffff"
)
_RUNS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_LETTER = rf"(?=[^{_MARKS}])"
"""Only the next character tells whether a mark still belongs to the one before."""

_WORD = re.compile(
    rf"""
      \s*[{_IDEOGRAPHS}][{_MARKS}]*{_LETTER}                # one ideograph with its marks
    | \s*[{_RUNS}]{{6,12}}?(?<!\u200d)(?=[^{_MARKS}\s])     # a short run
    | \s*[^\s{_IDEOGRAPHS}{_RUNS}]+(?=[{_IDEOGRAPHS}])      # a word that such a script follows
    | \s*[^\s{_IDEOGRAPHS}]{{{LONGEST}}}[{_MARKS}]*{_LETTER}    # too long to wait for its end
    | \s*[^\s{_IDEOGRAPHS}]+\s                              # a word and the space that ends it
    """,
    re.VERBOSE,
)


class WordCutter:
    """Feed it text as it comes; it gives whole words as soon as they are known to be whole."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """The words that this text has completed."""
        text = self._rest + text
        words: list[str] = []
        end = 0
        while match := _WORD.match(text, end):
            words.append(match.group())
            end = match.end()
        self._rest = text[end:]
        return words

    def flush(self) -> list[str]:
        """What is left at the end of the text."""
        rest, self._rest = self._rest, ""
        return [rest] if rest else []
