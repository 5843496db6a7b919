"""CSV that spreadsheets read, and in which nothing is a formula."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from api.csv import as_csv


class Row(Struct):
    text: str | None
    number: int | None = None
    at: datetime | None = None


def read(written: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written, newline="")))


def test_the_first_line_names_the_columns_even_where_there_is_no_other() -> None:
    assert as_csv(Row, []) == "text,number,at\r\n"


def test_times_are_told_with_their_zone_and_what_is_null_is_empty() -> None:
    written = as_csv(Row, [Row("a, b", -3, datetime(2026, 10, 31, 12, tzinfo=UTC)), Row(None)])

    assert written == 'text,number,at\r\n"a, b",-3,2026-10-31T12:00:00Z\r\n,,\r\n'


@pytest.mark.parametrize("text", ["=1+1", "+61", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_is_a_formula(text: str) -> None:
    _, (shown, *_) = read(as_csv(Row, [Row(text)]))

    assert shown == f"'{text}"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_every_text_comes_back_as_it_was_or_quoted(text: str) -> None:
    _, (shown, *_) = read(as_csv(Row, [Row(text, 1)]))

    assert shown.removeprefix("'") == text.removeprefix("'")
    assert shown[:1] not in ("=", "+", "-", "@")
