"""CSV that spreadsheets read, and in which nothing is a formula."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from projections.csv import as_csv

COLUMNS = ("text", "number", "at", "flag")


def shown(text: str) -> str:
    """A text as it comes out of the one cell that it was put into."""
    ((cell,),) = list(csv.reader(io.StringIO(as_csv(["text"], [{"text": text}]), newline="")))[1:]
    return cell


def test_the_first_line_names_the_columns_even_where_there_is_no_other() -> None:
    assert as_csv(COLUMNS, []) == '"text","number","at","flag"\r\n'


def test_times_are_told_with_their_zone_and_what_is_null_or_missing_is_empty() -> None:
    at = datetime(2026, 10, 31, 12, tzinfo=UTC)

    written = as_csv(COLUMNS, [{"at": at, "number": -3, "text": "a, b", "flag": True}, {"text": None}])

    assert written.split("\r\n")[1:] == ['"a, b",-3,"2026-10-31T12:00:00Z","true"', '"","","",""', ""]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+61 2 5550", "'+61 2 5550"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("  =1", "  '=1"),
        ("\t=1", "\t'=1"),
        ("\r=1", "\n'=1"),
        ("\r\n=1", "\n'=1"),
        ("＝1", "'＝1"),
        ("a;=1;b", "a;'=1;b"),
        ("a\t=1", "a\t'=1"),
        ('"=1', '"=1'),
        ("1 - 1 = 0", "1 - 1 = 0"),
        ('a, "b"\n- c', 'a, "b"\n- c'),
    ],
)
def test_no_cell_begins_a_formula(text: str, cell: str) -> None:
    assert shown(text) == cell


@given(st.text(st.sampled_from("=+-@＝ \t\r\n;,\"'a")))
@example("=1")
def test_no_text_begins_a_formula_or_a_cell_of_its_own(text: str) -> None:
    cell = shown(text)

    assert not re.search(r"(^|[;\t])\s*[=+\-@＝＋－＠]", cell)
    assert cell.replace("'", "") == re.sub("\r\n|\r", "\n", text).replace("'", "")


@given(st.text(st.characters(categories=["L", "P", "S", "N", "Zs"])))
def test_every_text_comes_back_as_it_was_or_quoted(text: str) -> None:
    assert shown(text).replace("'", "") == text.replace("'", "")
