"""A transcript as people read it: plain text, Markdown, HTML.

What was said is shown as it was typed and nothing more, whatever it is: it can't pass for an entry of its
own, be taken for markup, speak to a terminal, or turn round what is read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape

from projections.transcript import AssistantSaid, Ended, Entry, Transcript, VisitorSaid, Warned

ERASED = "[erased]"
"""Where something was said by or to a visitor who has been forgotten."""

ENDINGS = {
    "completed": "The conversation was completed.",
    "idle_timeout": "The session ended because nobody wrote any more.",
    "expired": "The session expired.",
    "deleted": "The session was ended by the visitor.",
}
OUTCOMES = {
    "streaming": " (still speaking)",
    "completed": "",
    "stopped": " (stopped)",
    "failed": " (broke off)",
}
HIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and what overrides the direction of the text that follows."""

_MARKUP = re.compile(r"[\\`*_{}\[\]()#+\-.!<>|~=&$:@^]")

_BREAKS = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""Where `str.splitlines` begins a new line."""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 42rem;
  margin: 2rem auto; padding: 1rem }
h1 { font-size: 1.2rem; overflow-wrap: anywhere } h2 { font-size: 1rem; display: inline; margin: 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0 0 1.5rem }
dt, time, ul, footer { color: #555; font-size: .9rem } dd { margin: 0; overflow-wrap: anywhere }
article { border-left: 3px solid #767676; padding-left: .8rem; margin: 0 0 1.2rem }
article.visitor { border-left-style: double; border-left-width: 5px }
p { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0 } ul { margin: .25rem 0 }
@media print {
  body { font-size: 11pt; max-width: none; margin: 0; padding: 0 }
  article { break-inside: avoid } h1, h2 { break-after: avoid }
}
"""
"""Of the HTML page, which is shown only where it is allowed by its hash."""


def as_text(transcript: Transcript) -> str:
    """One paragraph an entry; only entries begin at the margin."""
    paragraphs = [f"Session {transcript.session_id}, started {time_text(transcript.started_at)}"]
    for entry in transcript.entries:
        said = "\n    ".join(_lines(entry))
        paragraphs.append(f"[{time_text(entry.at)}] {_who(entry)}: {said}")
    return "\n\n".join(paragraphs) + "\n"


def as_markdown(transcript: Transcript) -> str:
    """One section an entry, with what was said as a quotation."""
    parts = [f"# Session {transcript.session_id}", f"Started {time_text(transcript.started_at)}"]
    for entry in transcript.entries:
        quoted = "  \n".join(f"> {_literal(line)}" for line in _lines(entry))  # two spaces keep a line's end
        parts.append(f"**{_who(entry)}**, {time_text(entry.at)}\n\n{quoted}")
    return "\n\n".join(parts) + "\n"


def as_html(transcript: Transcript) -> str:
    """A page of its own that needs nothing else, to be read on a screen, aloud, or on paper."""
    facts = "\n".join(
        f"<dt>{escape(_visible(name))}</dt><dd>{escape(_visible(value))}</dd>"
        for name, value in _facts(transcript)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Session {transcript.session_id}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>Session {transcript.session_id}</h1>\n<dl>\n{facts}\n</dl>\n</header>\n<main>\n"
        + "\n".join(map(_article, transcript.entries))
        + "\n</main>\n</body>\n</html>\n"
    )


RENDERINGS: Mapping[str, tuple[str, Callable[[Transcript], str]]] = {
    "text": ("text/plain", as_text),
    "markdown": ("text/markdown", as_markdown),
    "html": ("text/html", as_html),
}
"""Format -> media type and rendering."""


def _who(entry: Entry) -> str:
    match entry:
        case VisitorSaid(left_unanswered=left_unanswered):
            return "Visitor (left unanswered)" if left_unanswered else "Visitor"
        case AssistantSaid(outcome=outcome):
            return "Assistant" + OUTCOMES[outcome]
        case Warned() | Ended():
            return "Service"


def said_in(entry: Entry) -> str:
    """What an entry is to be shown with."""
    if isinstance(entry, Ended):
        return entry.text or ENDINGS[entry.reason]
    return ERASED if entry.text is None else entry.text


def shown(text: str, line_break: str = "\n") -> str:
    """A text, or a piece of one, as it can be shown anywhere: a code where something is hidden, and one kind
    of line break."""
    # In this order: some line breaks are control characters.
    return HIDDEN.sub(_code, _BREAKS.sub(lambda _: line_break, text))


def _lines(entry: Entry) -> list[str]:
    return [HIDDEN.sub(_code, line) for line in said_in(entry).splitlines()]


def _visible(text: str) -> str:
    return HIDDEN.sub(_code, " ".join(text.splitlines()))


# --- of the page


def _facts(transcript: Transcript) -> Sequence[tuple[str, str]]:
    """What stands at the head of a page."""
    ended = ENDINGS[transcript.ended] if transcript.ended else "The session is active."
    about = [("Started", time_text(transcript.started_at)), ("Status", ended)]
    if transcript.erased:
        about.append(("Visitor", "Has been forgotten: nothing that was said is known."))
    return [*about, *transcript.conversation_data.items()]


def _article(entry: Entry) -> str:
    kind = "visitor" if isinstance(entry, VisitorSaid) else "other"
    paragraph = escape("\n".join(_lines(entry)))
    return (
        f'<article class="{kind}"><h2>{escape(_who(entry))}</h2> '
        f'<time datetime="{entry.at:%Y-%m-%dT%H:%M:%SZ}">{time_text(entry.at)}</time>'
        f'<p dir="auto">{paragraph}</p>{_beside(entry)}</article>'
    )


def _beside(entry: Entry) -> str:
    """What stood beside a reply: suggestions, and what the visitor thought of it."""
    if not isinstance(entry, AssistantSaid):
        return ""
    items = "".join(f'<li dir="auto">{escape(_visible(text))}</li>' for text in entry.suggestions)
    suggestions = f'<ul aria-label="Suggestions">{items}</ul>' if items else ""
    if entry.rating is None:
        return suggestions
    comment = f": {escape(_visible(entry.comment))}" if entry.comment else ""
    return f'{suggestions}<footer dir="auto">Rated {entry.rating}{comment}</footer>'


# --- of all renderings


def _code(hidden: re.Match[str]) -> str:
    return hidden[0].encode("unicode_escape").decode()


def time_text(at: datetime) -> str:
    """A time as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _literal(line: str) -> str:
    words = line.lstrip()
    # Indented, a line would be code.
    return "&nbsp;" * (len(line) - len(words)) + _MARKUP.sub(r"\\\g<0>", words)
