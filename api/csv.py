"""Rows as CSV (RFC 4180, UTF-8), for spreadsheets too: none of them takes a text for a formula."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

MEDIA_TYPE = "text/csv"

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, at once or after what it passes over."""


def as_csv(kind: type[Struct], rows: Sequence[Struct]) -> str:
    """A line with the names of the columns, then one for each row. What is null is empty."""
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow(kind.__struct_fields__)
    for row in rows:
        lines.writerow([_cell(value) for value in msgspec.to_builtins(row).values()])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(BEGINNINGS):
        return f"'{value}"
    return value
