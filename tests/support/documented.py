"""The queries of `docs/analytics.md`, and what they print.

`python -m tests.support.documented` writes into the page what they print, and what views and columns say of
themselves.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from click.testing import CliRunner

from api.cli import main as verbatim
from infrastructure.postgres import EmbeddedServer
from projections.reader import ROLE
from projections.views import ANALYTICS
from tests.support.postgres import TestServer

PAGE = Path(__file__).parents[2] / "docs" / "analytics.md"
EXAMPLE = re.compile(r"```sql\n(?P<query>.*?)```\n\n```text\n(?P<printed>.*?)```", re.DOTALL)
COMMAND = re.compile(r"^verbatim (demo-data .*)$", re.MULTILINE)
VIEWS = re.compile(r"(?<=<!-- views -->\n).*?(?=<!-- end of views -->)", re.DOTALL)


class Example(NamedTuple):
    """A query, and what the page says that it prints."""

    query: str
    printed: str


def examples() -> Sequence[Example]:
    """Those of the page, in order."""
    return [Example(**found.groupdict()) for found in EXAMPLE.finditer(PAGE.read_text())]


def make_demo_data(environment: Mapping[str, str]) -> None:
    """Make the history that the page names, by the command that it names."""
    command = COMMAND.search(PAGE.read_text())
    assert command is not None
    done = CliRunner().invoke(verbatim, command[1].split(), env=dict(environment))
    assert done.exit_code == 0, done.output


def printed(conninfo: str, query: str) -> str:
    """What `psql` prints for a query of an analyst."""
    with psycopg.connect(conninfo, options="-c timezone=UTC") as connection:
        connection.execute(f"SET ROLE {ROLE}".encode())
        cursor = connection.execute(query.encode())
        names = [column.name for column in cursor.description or ()]
        return "\n".join(_lines(names, cursor.fetchall())) + "\n"


def described() -> str:
    """What the views say of themselves, as tables."""
    return "\n".join(_described())


def _lines(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    numeric = [
        all(isinstance(row[at], int | Decimal | float | None) for row in rows) for at in range(len(names))
    ]
    yield _line(f" {name.center(width)} " for name, width in zip(names, widths, strict=True))
    yield "+".join("-" * (width + 2) for width in widths)
    for row in cells:
        yield _line(
            f" {cell.rjust(width) if is_number else cell.ljust(width)} "
            for cell, width, is_number in zip(row, widths, numeric, strict=True)
        )
    yield f"({len(rows)} row{'' if len(rows) == 1 else 's'})"


def _line(cells: Iterator[str]) -> str:
    return "|".join(cells).rstrip()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "t" if value else "f"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S+00")
        case _:
            return str(value)


def _described() -> Iterator[str]:
    for view in ANALYTICS:
        yield f"### `{view.name}`\n\n{view.about}\n\n| column | |\n|---|---|"
        yield from (f"| `{name}` | {comment} |" for name, (_, comment) in view.columns.items())
        yield ""


def main() -> None:
    server = TestServer()
    embedded = EmbeddedServer(server.folder / "postgres")
    conninfo = asyncio.run(embedded.start())
    make_demo_data({"DATABASE_URL": conninfo, "VERBATIM_DATA_DIR": str(server.folder / "data")})

    def shown(found: re.Match[str]) -> str:
        return f"```sql\n{found['query']}```\n\n```text\n{printed(conninfo, found['query'])}```"

    text = EXAMPLE.sub(shown, PAGE.read_text())
    PAGE.write_text(VIEWS.sub(lambda _: described(), text))
    asyncio.run(embedded.stop())
    server.remove()


if __name__ == "__main__":
    main()
