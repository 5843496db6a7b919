"""Text that Markdown shows as it is: escaped where it would be taken for markup, and nowhere else.

Markdown is CommonMark with what GitHub adds: tables, strikethrough, links without brackets, formulas in `$`.
Emphasis and the like need an end, so what can only begin one stays as it is.
"""

import re

_INLINE = r"""
    \\(?=[!-/:-@\[-`{-~]|$)         # escapes, and breaks a line at its end
    | ` | \[                        # code; links, images, notes
    | <(?=[a-z/!?]) | &(?=\#?\w+;)  # HTML
    | (?<=\S)[*~$]                  # ends what the same character began
    | (?<=\S)_(?![^\W_])            # likewise, but not within a word
    | :(?=//) | (?<=www)\. | (?<=[\w.+-])@(?=\w)  # addresses
"""
_BLOCK = r"""
    ^(?: \#(?=\#{0,5}(?:\s|$))      # headings
    | >                             # quotations
    | [-+*](?=\s|$) | \d{1,9}[.)](?=\s|$)  # lists
    | [-=:|_](?=[-=:|_\s]*$))       # lines under headings, across the page, and in tables
"""
_FLAGS = re.VERBOSE | re.IGNORECASE

_WITHIN = re.compile(_INLINE, _FLAGS)
_AT_THE_START = re.compile(f"{_BLOCK}|{_INLINE}", _FLAGS)
_INDENTED = re.compile(rf"^[*_~$]|{_INLINE}", _FLAGS)  # there, these could be ends as well


def literal(text: str) -> str:
    """A text, without line breaks, for the middle of a line."""
    return _WITHIN.sub(_escaped, text)


def literal_line(text: str) -> str:
    """A text for a line of its own. It keeps its indentation, which would make code of it."""
    words = text.lstrip()
    indentation = "&nbsp;" * (len(text) - len(words))
    return indentation + (_INDENTED if indentation else _AT_THE_START).sub(_escaped, words)


def _escaped(markup: re.Match[str]) -> str:
    # Of a number that begins a list, what follows the digits.
    return f"{markup[0][:-1]}\\{markup[0][-1]}"
