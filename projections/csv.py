"""Rows as CSV (RFC 4180, UTF-8), for spreadsheets too: no text is a formula, or speaks to a terminal."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from projections.renderings import shown

MEDIA_TYPE = "text/csv"

_FORMULA = re.compile(r"(^\s*|[;\t]\s*)(?=[=+\-@＝＋－＠])")
"""Where a spreadsheet might begin to read a formula: at the start of a cell, also of one that it makes by
itself because it takes semicolons or tabs for what separates them."""


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A line with the names of the columns, then one for each row. What is null, or isn't there, is empty."""
    written = io.StringIO()
    lines = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC)
    lines.writerow(columns)
    for row in rows:
        told = msgspec.to_builtins(row)
        lines.writerow([_cell(told.get(column)) for column in columns])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _FORMULA.sub(r"\g<1>'", shown(value)) if isinstance(value, str) else value
