"""A transcript as people read it: plain text, Markdown, HTML.

What was said is shown as it was typed and nothing more, whatever it is: it can't pass for an entry of its
own, be taken for markup, speak to a terminal, or turn round what is read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape

from projections.markdown import literal, literal_line
from projections.transcript import AssistantSaid, Ended, Entry, Transcript, VisitorSaid, Warned

ERASED = "[erased]"
"""Where something was said by or to a visitor who has been forgotten."""

ENDINGS = {
    "completed": "The conversation was completed.",
    "idle_timeout": "The session ended because nobody wrote any more.",
    "expired": "The session expired.",
    "deleted": "The session was ended on request.",
}
OUTCOMES = {
    "streaming": " (still speaking)",
    "completed": "",
    "stopped": " (stopped)",
    "failed": " (broke off)",
}
HIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and what overrides the direction of the text that follows."""

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
p { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0 }
ul { margin: .25rem 0 } ul::before { content: "Suggested:"; margin-left: -2.5rem }
@media print {
  body { font-size: 11pt; max-width: none; margin: 0; padding: 0 }
  article { break-inside: avoid } h1, h2 { break-after: avoid }
}
"""
"""Of the HTML page, which is shown only where it is allowed by its hash."""


def as_text(transcript: Transcript) -> str:
    """One paragraph an entry. Only entries begin at the margin, and only what is known of them beside what
    was said stands two spaces from it: nothing that was said can pass for either."""
    facts = "".join(f"\n{_labelled(*fact)}" for fact in _facts(transcript))
    paragraphs = [f"Session {transcript.session_id}{facts}"]
    for entry in transcript.entries:
        said = "\n    ".join(_lines(entry))
        notes = "".join(f"\n  {_labelled(*note)}" for note in _notes(entry))
        paragraphs.append(f"[{time_text(entry.at)}] {_who(entry)}: {said}{notes}")
    return "\n\n".join(paragraphs) + "\n"


def as_markdown(transcript: Transcript) -> str:
    """One section an entry, with what was said as a quotation, and below it what else is known."""
    parts = [f"# Session {transcript.session_id}", _items(_facts(transcript))]
    for entry in transcript.entries:
        quoted = "  \n".join(
            f"> {literal_line(line)}" for line in _lines(entry)
        )  # two spaces keep a line's end
        parts.append(f"**{_who(entry)}**, {time_text(entry.at)}\n\n{quoted}")
        if notes := _notes(entry):
            parts.append(_items(notes))
    return "\n\n".join(parts) + "\n"


def as_html(transcript: Transcript) -> str:
    """A page of its own that needs nothing else, to be read on a screen, aloud, or on paper."""
    facts = "\n".join(
        f"<dt>{escape(on_a_line(name))}</dt><dd>{escape(on_a_line(value))}</dd>"
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


def on_a_line(text: str) -> str:
    """A text as it can be shown anywhere, without line breaks."""
    return HIDDEN.sub(_code, " ".join(text.splitlines()))


# --- what is told beside what was said

Note = tuple[str, str]
"""A label, which is ours, and a text, which may be anybody's."""


def _facts(transcript: Transcript) -> Sequence[Note]:
    """What stands at the head."""
    ended = ENDINGS[transcript.ended] if transcript.ended else "The session is active."
    about = [("Started", time_text(transcript.started_at)), ("Status", ended)]
    if transcript.erased:
        about.append(("Visitor", "Has been forgotten: nothing that was said is known."))
    return [*about, *transcript.conversation_data.items()]


def _suggestions(said: AssistantSaid) -> Sequence[tuple[str, bool]]:
    """What was suggested with a reply, and whether it is what the visitor said next."""
    if said.taken is not None and not said.suggestions:
        return [(ERASED, True)]
    return [(text, place == said.taken) for place, text in enumerate(said.suggestions)]


def _remarks(said: AssistantSaid) -> Sequence[Note]:
    """What the visitor thought of a reply, and how long it took."""
    remarks: list[Note] = [(f"Rated {said.rating}", said.comment)] if said.rating else []
    if said.first_word_ms is not None:
        remarks.append(("First word after", f"{said.first_word_ms / 1000:.3f} s"))
    if said.total_ms is not None:
        remarks.append(("Ended after", f"{said.total_ms / 1000:.3f} s"))
    return remarks


def _notes(entry: Entry) -> Sequence[Note]:
    if not isinstance(entry, AssistantSaid):
        return ()
    suggested = [
        ("Suggested, and taken" if taken else "Suggested", text) for text, taken in _suggestions(entry)
    ]
    return [*suggested, *_remarks(entry)]


def _labelled(label: str, text: str) -> str:
    told = on_a_line(text)
    return f"{on_a_line(label)}: {told}" if told else on_a_line(label)


def _items(notes: Sequence[Note]) -> str:
    return "\n".join(f"- {literal(_labelled(*note))}" for note in notes)


# --- of the page


def _article(entry: Entry) -> str:
    kind = "visitor" if isinstance(entry, VisitorSaid) else "other"
    paragraph = escape("\n".join(_lines(entry)))
    return (
        f'<article class="{kind}"><h2>{escape(_who(entry))}</h2> '
        f'<time datetime="{entry.at:%Y-%m-%dT%H:%M:%SZ}">{time_text(entry.at)}</time>'
        f'<p dir="auto">{paragraph}</p>{_beside(entry)}</article>'
    )


def _beside(entry: Entry) -> str:
    """What is known of a reply: what it suggested, what the visitor thought of it, how long it took."""
    if not isinstance(entry, AssistantSaid):
        return ""
    taken = " <strong>(taken)</strong>"
    items = "".join(
        f'<li dir="auto">{escape(on_a_line(text))}{taken * is_taken}</li>'
        for text, is_taken in _suggestions(entry)
    )
    remarks = "".join(f"<div>{_remark(*remark)}</div>" for remark in _remarks(entry))
    suggestions = f'<ul aria-label="Suggestions">{items}</ul>' if items else ""
    return f"{suggestions}<footer>{remarks}</footer>" if remarks else suggestions


def _remark(label: str, text: str) -> str:
    return f"{label}: <bdi>{escape(on_a_line(text))}</bdi>" if text else label


# --- of all renderings


def _code(hidden: re.Match[str]) -> str:
    return hidden[0].encode("unicode_escape").decode()


def time_text(at: datetime) -> str:
    """A time as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
