"""The transcript that a history makes, and its renderings: whatever was said, shown as it was typed."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from domain.events import (
    DetailsCollected,
    FeedbackGiven,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SuggestionsOffered,
    VisitorErased,
    VisitorMessagePosted,
)
from projections.renderings import RENDERINGS, STYLE, as_html, as_markdown, as_text
from projections.transcript import AssistantSaid, Ended, Transcript, VisitorSaid, transcript
from tests.support.history import ASKED, MESSAGE, RESPONSE, SESSION, START, history, words

COMPLETED = ReplyCompleted(RESPONSE, "hash")

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</p></article><h1>Service",
    "<!-- ",
    "&lt;b&gt; &#60;i&#62;",
    "# A heading",
    "A heading\n===",
    "A heading\n---",
    "* a\n* list\n1. of\n2) items\n+ and more",
    "> a quotation",
    "    code",
    "\tcode",
    "`code` and ```fences```",
    "[a link](javascript:alert(1)) ![an image](http://x/y.png)",
    "<http://x/> http://x/ a@x.org",
    "[a]: http://x/ 'reference'",
    "| a | table |\n|---|---|\n| 1 | 2 |",
    "**bold** _slanted_ ~~gone~~ a\\*b",
    "ends with a backslash\\\nand goes on",
    "\n\n[2026-01-02 03:04:06 UTC] Assistant: I promise you a car",
    "one\rtwo\x0bthree\x0cfour\x1cfive\x85six\u2028seven\u2029eight",
    "\x1b[2J\x1b]0;title\x07\x9b31m\x00",
    "\u202eright to left\u202c, \u2066isolated\u2069\ufeff\u200b",
    "🚗 ä é 漢字",
    "",
    " ",
]


def said(text: str) -> Transcript:
    """A transcript in which a visitor has said this."""
    return transcript(history(VisitorMessagePosted(MESSAGE, text)))


def beside(text: str) -> Transcript:
    """A transcript in which this is a detail, a suggestion that was taken, and a comment."""
    told = transcript(
        history(
            *ASKED,
            words("A lease"),
            DetailsCollected(MESSAGE, {"email": text}, ("email",)),
            SuggestionsOffered(("Why?", text), 2),
            COMPLETED,
            FeedbackGiven(RESPONSE, "down", text),
        )
    )
    asked, reply = told.entries
    return replace(told, entries=[asked, replace(reply, taken=1)])


# --- what a history makes


def test_a_conversation_is_told_in_the_order_in_which_it_happened() -> None:
    told = transcript(
        history(
            *ASKED,
            words("A ", "novated "),
            words("lease"),
            DetailsCollected(MESSAGE, {"email": "ann@example.com"}),
            SuggestionsOffered(("What are the benefits?",)),
            COMPLETED,
            SessionEnded("deleted", SESSION, "Bye"),
        )
    )

    assert told == Transcript(
        session_id=SESSION,
        started_at=START,
        ended="deleted",
        conversation_data={"email": "ann@example.com"},
        entries=[
            VisitorSaid(START + timedelta(seconds=1), MESSAGE, "What is a novated lease?"),
            AssistantSaid(
                START + timedelta(seconds=2),
                RESPONSE,
                MESSAGE,
                "A novated lease",
                "completed",
                first_word_ms=100,
                total_ms=5000,
                suggestions=("What are the benefits?",),
            ),
            Ended(START + timedelta(seconds=8), "deleted", "Bye", SESSION),
        ],
        cursor="9.0",
    )


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (COMPLETED, "completed"),
        (ReplyStopped(RESPONSE, "visitor"), "stopped"),
        (ReplyFailed(RESPONSE, "timeout"), "failed"),
    ],
)
def test_a_reply_keeps_what_was_said_however_it_ended(end: ReplyCompleted, outcome: str) -> None:
    *_, reply = transcript(history(*ASKED, words("A "), end)).entries

    assert isinstance(reply, AssistantSaid)
    assert (reply.text, reply.outcome, reply.total_ms) == ("A ", outcome, 2000)


def test_a_reply_that_is_still_spoken_is_told_as_far_as_it_goes() -> None:
    *_, reply = transcript(history(*ASKED, words("A "))).entries

    assert isinstance(reply, AssistantSaid)
    assert (reply.text, reply.outcome, reply.total_ms) == ("A ", "streaming", None)


def test_a_message_posted_during_a_reply_doesnt_take_its_words() -> None:
    told = transcript(
        history(*ASKED, words("A "), VisitorMessagePosted(RESPONSE, "Wait!"), words("lease"), COMPLETED)
    )

    assert [entry.text for entry in told.entries] == ["What is a novated lease?", "A lease", "Wait!"]


def test_the_suggestion_that_was_taken_is_told_with_the_reply_that_offered_it() -> None:
    taken = (
        *ASKED,
        SuggestionsOffered(("Why?", "Who?"), 2),
        COMPLETED,
        VisitorMessagePosted(SESSION, "Who?", took=1),
    )

    for events in (taken, (*taken, SessionEnded("deleted"), VisitorErased())):
        _, reply, *_ = transcript(history(*events)).entries
        assert isinstance(reply, AssistantSaid)
        assert reply.taken == 1, "which one it was is known when its text isn't, any more"


def test_a_message_that_is_answered_twice_keeps_both_replies() -> None:
    told = transcript(
        history(
            *ASKED,
            words("A nov"),
            ReplyFailed(RESPONSE, "interrupted", again=True),
            ReplyStarted(SESSION, MESSAGE, "guide"),
            words("A novated lease"),
            ReplyCompleted(SESSION, "hash"),
        )
    )

    assert [(e.text, e.outcome) for e in told.entries if isinstance(e, AssistantSaid)] == [
        ("A nov", "failed"),
        ("A novated lease", "completed"),
    ]


def test_a_session_in_which_nothing_was_said_has_a_transcript() -> None:
    told = transcript(history())

    assert (told.entries, told.ended, told.cursor) == ([], None, "1.0")
    assert all(render(told) for _, render in RENDERINGS.values())


def test_as_json_each_entry_says_whose_it_is() -> None:
    told = msgspec.to_builtins(transcript(history(*ASKED, words("A "), COMPLETED, SessionEnded("completed"))))

    assert [entry["who"] for entry in told["entries"]] == ["visitor", "assistant", "service"]


# --- a visitor who was erased


def test_of_an_erased_visitor_it_is_told_what_happened_and_nothing_that_was_said() -> None:
    told = transcript(
        history(
            *ASKED,
            words("A ", "lease"),
            SuggestionsOffered(("Why?",), 1),
            COMPLETED,
            FeedbackGiven(RESPONSE, "up", "Thanks"),
            SessionEnded("deleted"),
            VisitorErased(),
        )
    )

    assert told.erased
    assert told.conversation_data == {}
    asked, reply, ended = told.entries
    assert isinstance(asked, VisitorSaid)
    assert asked.text is None
    assert isinstance(reply, AssistantSaid)
    assert (reply.text, reply.suggestions, reply.comment) == (None, (), "")
    assert (reply.outcome, reply.rating, reply.first_word_ms, reply.total_ms) == (
        "completed",
        "up",
        100,
        3000,
    )
    assert isinstance(ended, Ended)
    assert ended.reason == "deleted"


def test_a_reply_of_which_no_word_was_said_has_none_that_is_erased() -> None:
    *_, reply = transcript(history(*ASKED, ReplyFailed(RESPONSE, "timeout")), erased=True).entries

    assert reply.text == ""


@pytest.mark.parametrize("kind", RENDERINGS)
def test_where_something_was_said_it_says_erased(kind: str) -> None:
    _, render = RENDERINGS[kind]

    shown = render(transcript(history(*ASKED, words("A lease"), COMPLETED, VisitorErased())))

    assert shown.replace("\\", "").count("[erased]") == 2
    assert "lease" not in shown


# --- how it is shown


def test_every_rendering_shows_who_said_what_and_how_it_ended() -> None:
    told = transcript(
        history(*ASKED, words("A lease"), ReplyStopped(RESPONSE, "visitor"), SessionEnded("expired"))
    )

    for _, render in RENDERINGS.values():
        shown = render(told)
        for part in ["What is a novated lease?", "A lease", "Assistant (stopped)", "The session expired"]:
            assert part in shown
        assert "2026-01-02 03:04:06 UTC" in shown


def test_every_rendering_shows_all_that_is_known_of_a_reply() -> None:
    told = beside("Who?")

    for kind, (_, render) in RENDERINGS.items():
        shown = re.sub(r"</?bdi>", "", render(told))
        for part in ("Started", "Status", "email", "Why?", "Rated down: Who?", "0.100 s", "4.000 s"):
            assert part in shown, kind
        assert ("Who? <strong>(taken)</strong>" if kind == "html" else "Suggested, and taken: Who?") in shown


HIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What can't be seen and does something to a terminal, or to the order of what can be seen."""


def to_be_seen(text: str) -> list[str]:
    """The lines of a text, with a code where something is hidden."""
    return [HIDDEN.sub(lambda found: ascii(found[0])[1:-1], line) for line in text.splitlines()]


class Page(HTMLParser):
    """The elements of a page, and the texts of its paragraphs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.paragraphs: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag == "p":
            self.paragraphs.append("")

    def handle_data(self, data: str) -> None:
        if self.elements[-1:] == ["p"]:
            self.paragraphs[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(f"/{tag}")


@given(st.text())
@example(HOSTILE[0])
def test_a_page_has_the_same_elements_whatever_is_said(text: str) -> None:
    plain, page = Page(as_html(said("Hello"))), Page(as_html(said(text)))

    assert page.elements == plain.elements
    assert page.paragraphs == ["\n".join(to_be_seen(text))]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text_on_the_page(text: str) -> None:
    page = Page(as_html(said(text)))

    assert page.elements == Page(as_html(said("Hello"))).elements
    assert page.paragraphs == ["\n".join(to_be_seen(text))]


def test_a_page_needs_nothing_from_elsewhere() -> None:
    shown = as_html(said("Hello"))

    assert shown.startswith("<!doctype html>")
    assert not re.search(r"(?i)https?://|src=|<script|<link|@import|url\(", shown)


def test_a_page_can_be_found_one_s_way_in_without_seeing_it() -> None:
    shown = as_html(
        transcript(
            history(
                *ASKED,
                words("A lease"),
                DetailsCollected(MESSAGE, {"email": "ann@example.com"}, ("email",)),
                SuggestionsOffered(("Why <b>?",), 1),
                COMPLETED,
                FeedbackGiven(RESPONSE, "down", "Too <i>short"),
                VisitorMessagePosted(SESSION, "Why <b>?", took=0),
            )
        )
    )

    page = Page(shown)
    assert '<html lang="en">' in shown
    assert [page.elements.count(name) for name in ("h1", "main", "header", "article", "h2")] == [
        1,
        1,
        1,
        3,
        3,
    ]
    assert '<time datetime="2026-01-02T03:04:06Z">2026-01-02 03:04:06 UTC</time>' in shown
    assert "<dt>email</dt><dd>ann@example.com</dd>" in shown
    assert (
        '<ul aria-label="Suggestions"><li dir="auto">Why &lt;b&gt;? <strong>(taken)</strong></li></ul>'
        in shown
    )
    assert "Rated down: <bdi>Too &lt;i&gt;short</bdi>" in shown
    assert "@media print" in shown


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2 has it."""

    def luminance(colour: str) -> float:
        digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_all_that_is_on_a_page_stands_out_from_it() -> None:
    (background,) = re.findall(r"background: #(\w+)", STYLE)
    inks = re.findall(r"[ {]color: #(\w+)", STYLE)

    assert len(inks) == 2
    assert all(contrast(ink, background) >= 7 for ink in inks)


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def quotation_of(tokens: list[Token]) -> list[str]:
    """The lines of the one quotation in a Markdown document, which must hold nothing but text."""
    kinds = [token.type for token in tokens]
    start, end = kinds.index("blockquote_open"), kinds.index("blockquote_close")
    assert kinds.count("blockquote_open") == 1
    assert kinds[end + 1 :] == []
    lines: list[str] = []
    for token in tokens[start + 1 : end]:
        assert token.type in ("paragraph_open", "inline", "paragraph_close"), token
        if token.type == "inline":
            lines.append("")
        for child in token.children or []:
            assert child.type in ("text", "text_special", "hardbreak"), child
            if child.type == "hardbreak":
                lines.append("")
            else:
                lines[-1] += child.content
    return lines


def visible_lines(text: str) -> list[str]:
    """What is to be seen of a text, line by line: blank lines and spaces at the end leave no trace."""
    return [
        re.sub(r"^\s+", lambda run: "\xa0" * len(run[0]), line.rstrip())
        for line in to_be_seen(text)
        if line.strip()
    ]


MARKUP = (
    *"\\`*_~#>-+=|:[](){}<>&;!?.$@^/ \n\tab1",
    *("  ", "**", "__", "---", "===", "~~~", "```", "1. ", "2) ", "# ", "- ", "> ", "[a]: b", "](b)", "a_b"),
    *("|-|", "| a | b |\n", ":-:", "&amp;", "&#42;", "<b>", "<!--", "<a:b>", "\\\n", "\xa0", "é", "🚗", "“"),
)
"""What Markdown is made of."""


@given(
    st.text(st.characters(categories=["L", "P", "S", "N", "Zs"], include_characters="\n"))
    | st.lists(st.sampled_from(MARKUP), max_size=12).map("".join)
)
@settings(max_examples=1000)
@example(HOSTILE[5])
def test_in_markdown_what_was_said_is_nothing_but_text(text: str) -> None:
    for said_so in (text, "." + text):
        if not said_so.strip():
            continue
        lines = quotation_of(MARKDOWN.parse(as_markdown(said(said_so))))
        assert [line.rstrip() for line in lines if line.strip()] == visible_lines(said_so)


@given(st.lists(st.sampled_from(MARKUP), max_size=12).map("".join))
@settings(max_examples=300)
@example("Why?")
def test_in_markdown_what_stands_beside_a_reply_is_nothing_but_text(text: str) -> None:
    one_line = " ".join(text.splitlines())

    tokens = MARKDOWN.parse(as_markdown(beside(text)))
    texts = [token.content for token in tokens if token.type == "inline"]
    inline = [child for token in tokens for child in token.children or []]
    assert {child.type for child in inline} <= {"text", "text_special", "strong_open", "strong_close"}
    assert [child.type for child in inline].count("strong_open") == 2, "who said it, twice"
    assert len(texts) == 1 + 3 + 4 + 5, "the heading, facts, two entries, and what stands beside the reply"
    shown = [
        "".join(child.content for child in token.children).rstrip() for token in tokens if token.children
    ]
    for label in ("email", "Suggested, and taken", "Rated down"):
        assert (f"{label}: {one_line}".rstrip() if one_line else label) in shown


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5.50 (or $6), and that's 10% off - more or less!",
        "What is a novated lease? Is it 2 * 3 = 6, or a|b?",
        "snake_case, C:\\Users, 5 < 6 & 7 > 6, ~5 minutes, #1 of {a} ^ b.",
        "-5 degrees; +61 2 5550; 1.5 times; 10:30",
        "*) see there",
    ],
)
def test_what_isnt_markup_where_it_stands_is_left_as_it_is(text: str) -> None:
    assert f"\n> {text}\n" in as_markdown(said(text))


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()])
def test_hostile_text_is_text_in_markdown(text: str) -> None:
    lines = quotation_of(MARKDOWN.parse(as_markdown(said(text))))

    assert [line.rstrip() for line in lines if line.strip()] == visible_lines(text)


@given(st.text())
@example(HOSTILE[19])
@example(HOSTILE[20])
def test_in_plain_text_no_message_can_pass_for_an_entry(text: str) -> None:
    shown = as_text(said(text))

    *heading, entry = [line for line in shown.split("\n") if line and not line.startswith("    ")]
    assert [line.split()[0] for line in heading] == ["Session", "Started:", "Status:"]
    assert entry.startswith("[2026-01-02 03:04:06 UTC] Visitor: ")


ASIDE = [text for text in HOSTILE if text.strip()]


@pytest.mark.parametrize("text", ASIDE)
def test_in_plain_text_what_stands_beside_a_reply_keeps_to_its_lines(text: str) -> None:
    shown = as_text(beside(text))

    lines = [line for line in shown.split("\n") if line and not line.startswith("    ")]
    assert [line[:9] for line in lines] == [
        *("Session 5", "Started: ", "Status: T", "email: " + lines[3][7:9]),
        *("[2026-01-", "[2026-01-", "  Suggest", "  Suggest", "  Rated d", "  First w", "  Ended a"),
    ]
    one_line = " ".join(to_be_seen(text))
    assert lines[3] == f"email: {one_line}"
    assert lines[7] == f"  Suggested, and taken: {one_line}"
    assert lines[8] == f"  Rated down: {one_line}"


@pytest.mark.parametrize("kind", RENDERINGS)
def test_no_control_character_reaches_a_terminal(kind: str) -> None:
    _, render = RENDERINGS[kind]
    controls = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))]

    shown = render(said("|".join(controls)))

    assert not set(shown) & set(controls)
    assert r"\x1b" in shown.replace("\\\\", "\\")


@pytest.mark.parametrize("kind", RENDERINGS)
def test_nothing_turns_round_what_was_said(kind: str) -> None:
    _, render = RENDERINGS[kind]
    turning = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]

    shown = render(said("|".join(turning)))

    assert not set(shown) & set(turning)
    assert r"\u202e" in shown.replace("\\\\", "\\")
