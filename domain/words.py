"""Cuts a stream of text into words, whatever pieces it arrives in.

A word is everything up to and including the one white-space character that ends it, as in the
protocol's own example, `"word "`. Scripts that are written without spaces are cut where a reader's
eye could rest: Chinese, Japanese and fullwidth punctuation by the character; Thai, Lao, Khmer and
Burmese, whose words only a dictionary knows, in short runs that never part a mark from its letter.
The pieces joined are the text, and they don't depend on how it was delivered.
"""

import re
from unicodedata import category

LONGEST = 64
"""Characters after which a run of anything is cut all the same: of letters, of spaces, of marks. What
waits for its end stays short, so the time that a text takes grows with its length and no faster."""

_MARKS = (
    "".join(mark for mark in map(chr, range(0x300, 0x1F000)) if category(mark).startswith("M"))
    + "\u0e33\u0eb3\u200c\u200d\uff9e\uff9f"
    + "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"
)
"""What is written on the character before it; the second half of a flag counts as such."""
_IDEOGRAPHS = (
    "\u2e80-\u2fff\u3001-\u3029\u3030-\u3098\u309b-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9d\U00020000-\U0003ffff"
)
_RUNS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u200b"
_LEADS = "\u0e40-\u0e44\u0ec0-\u0ec4\u1039\u17d2\u200d"
"""What belongs to the letter after it."""

_MARKED = rf"(?:[{_MARKS}]|(?<=[{_LEADS}])\S){{0,{LONGEST - 1}}}+(?:\s|(?=\S))"
"""Only the next character tells whether a mark still belongs to the one before."""

# The order counts: what an alternative needs to see has been seen before a later one can match, so no
# text that is still to come changes a cut. Whatever comes, one of them matches before long.
_WORD = re.compile(
    rf"""
      \s{{{LONGEST}}}
    | \s*+(?:
          [{_IDEOGRAPHS}]{_MARKED}                                # one ideograph with its marks
        | [{_RUNS}]{{6,12}}?(?<![{_LEADS}])(?=[^{_MARKS}\s])      # a short run
        | [^\s{_IDEOGRAPHS}{_RUNS}]{{1,{LONGEST - 1}}}+(?=[{_RUNS}])(?=[^{_MARKS}])  # a word before one
        | [^\s{_IDEOGRAPHS}]{{1,{LONGEST - 1}}}+(?:\s|(?=[{_IDEOGRAPHS}]))  # a word, with its space
        | [^\s{_IDEOGRAPHS}]{{{LONGEST}}}{_MARKED}                # too long to wait for its end
      )
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
