"""A transcript as people read it: plain text, Markdown, HTML.

What was said is shown as it was typed and nothing more, whatever it is: it can't pass for an entry of its
own, be taken for markup, speak to a terminal, or turn round what is read.
"""

import re
from collections.abc import Callable, Mapping
from html import escape

from projections.transcript import AssistantSaid, Ended, Entry, Transcript, VisitorSaid, Warned

_ENDINGS = {
    "completed": "The conversation was completed.",
    "idle_timeout": "The session ended because nobody wrote any more.",
    "expired": "The session expired.",
    "deleted": "The session was ended by the visitor.",
}
_OUTCOMES = {
    "streaming": " (still speaking)",
    "completed": "",
    "stopped": " (stopped)",
    "failed": " (broke off)",
}
_HIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and what overrides the direction of the text that follows."""

_MARKUP = re.compile(r"[\\`*_{}\[\]()#+\-.!<>|~=&$:@^]")

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 1rem }
h1 { font-size: 1.2rem } h2 { font-size: 1rem; display: inline }
time { color: #666; font-size: .85rem } p { white-space: pre-wrap; margin: .25rem 0 1rem }
"""
"""Of the HTML page, which is shown only where it is allowed by its hash."""


def as_text(transcript: Transcript) -> str:
    """One paragraph an entry; only entries begin at the margin."""
    paragraphs = [f"Session {transcript.session_id}, started {_time(transcript.started_at)}"]
    for entry in transcript.entries:
        said = "\n    ".join(_lines(entry))
        paragraphs.append(f"[{_time(entry.at)}] {_who(entry)}: {said}")
    return "\n\n".join(paragraphs) + "\n"


def as_markdown(transcript: Transcript) -> str:
    """One section an entry, with what was said as a quotation."""
    parts = [f"# Session {transcript.session_id}", f"Started {_time(transcript.started_at)}"]
    for entry in transcript.entries:
        quoted = "  \n".join(f"> {_literal(line)}" for line in _lines(entry))  # two spaces keep a line's end
        parts.append(f"**{_who(entry)}**, {_time(entry.at)}\n\n{quoted}")
    return "\n\n".join(parts) + "\n"


def as_html(transcript: Transcript) -> str:
    """A page of its own that needs nothing else."""
    entries = "\n".join(
        f"<article><h2>{escape(_who(entry))}</h2> <time>{_time(entry.at)}</time>"
        f"<p>{_paragraph(entry)}</p></article>"
        for entry in transcript.entries
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Session {transcript.session_id}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Session {transcript.session_id}</h1>\n{entries}\n</body>\n</html>\n"
    )


RENDERINGS: Mapping[str, tuple[str, Callable[[Transcript], str]]] = {
    "text": ("text/plain", as_text),
    "markdown": ("text/markdown", as_markdown),
    "html": ("text/html", as_html),
}
"""Format -> media type and rendering."""


def _who(entry: Entry) -> str:
    match entry:
        case VisitorSaid():
            return "Visitor"
        case AssistantSaid(outcome=outcome):
            return "Assistant" + _OUTCOMES[outcome]
        case Warned() | Ended():
            return "Service"


def _said(entry: Entry) -> str:
    return entry.text or _ENDINGS[entry.reason] if isinstance(entry, Ended) else entry.text


def _lines(entry: Entry) -> list[str]:
    return [_HIDDEN.sub(_code, line) for line in _said(entry).splitlines()]


def _paragraph(entry: Entry) -> str:
    return escape("\n".join(_lines(entry)))


def _code(hidden: re.Match[str]) -> str:
    return hidden[0].encode("unicode_escape").decode()


def _time(at: object) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _literal(line: str) -> str:
    words = line.lstrip()
    # Indented, a line would be code.
    return "&nbsp;" * (len(line) - len(words)) + _MARKUP.sub(r"\\\g<0>", words)
