"""A real PostgreSQL for the test run, and a database of its own for whoever asks."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

_numbers = itertools.count(1)


class TestServer:
    """One server for the whole run. `template` names a database whose tables are there already."""

    __test__ = False

    def __init__(self) -> None:
        # The embedded server runs as a user of its own where the tests run as root: it must be able to enter.
        self.folder = Path(tempfile.mkdtemp(prefix="verbatim-tests-"))
        self.folder.chmod(0o755)
        self.conninfo = ""

    def new_database(self, template: str = "template1") -> str:
        """The conninfo of a new database."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(
                SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
            )
        return make_conninfo(self.conninfo, dbname=name)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def execute(conninfo: str, query: str, *params: object) -> list[tuple]:
    """All rows of a query, on a connection of its own."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(query, params or None)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []
