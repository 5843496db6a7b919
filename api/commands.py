"""What all commands share: how one is run, with which settings and on which database, and how it fails."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import uvloop
from eventsourcing.persistence import PersistenceError
from rich.console import Console

from api.entry import EXIT_INTERRUPTED
from domain.errors import CorruptLog, Unavailable
from infrastructure.background import for_ever
from infrastructure.personas import PersonaError
from infrastructure.postgres import CantStart, EmbeddedServer
from infrastructure.settings import Settings, SettingsError, read_settings
from projections.status import TablesAreNewer

EXIT_STOPPED = 0
EXIT_NOT_FOUND = 1
EXIT_USAGE = 2
EXIT_CORRUPT = 65
EXIT_UNAVAILABLE = 69
"""65 and 69 after sysexits.h: EX_DATAERR, EX_UNAVAILABLE. The README tells what each is for."""

Work = Callable[[Settings, str], Coroutine[Any, Any, int]]
"""What a command does, with its settings and the conninfo of its database: it answers with an exit code."""

console = Console(stderr=True, highlight=False, soft_wrap=True)


def run(work: Work) -> None:
    """Do the work with settings and a database; exit with its code, or say in a line what is wrong."""
    try:
        settings = read_settings(os.environ)
        sys.exit(uvloop.run(_with_database(settings, work)))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        raise  # whoever reads what is printed has had enough: click ends without a word
    except (SettingsError, PersonaError) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        console.print(_what_is_in_the_way(error), style="red", markup=False)
        sys.exit(EXIT_USAGE)
    except CorruptLog as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(EXIT_CORRUPT)
    except TablesAreNewer as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(EXIT_UNAVAILABLE)
    except (psycopg.Error, PersistenceError, Unavailable, CantStart) as error:
        console.print(f"The database can't be used: {reason(error)}", style="red", markup=False)
        sys.exit(EXIT_UNAVAILABLE)


def not_in_the_log(session_id: UUID) -> int:
    """Say so; the exit code."""
    console.print(f"Session {session_id} is not in the log.")
    return EXIT_NOT_FOUND


def _what_is_in_the_way(error: OSError) -> str:
    """Which file it is and what is wrong with it, without a number that only programs know."""
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def reason(error: Exception) -> str:
    """What the server says, in a line and without the statement; else what the error says."""
    server_error = error if isinstance(error, psycopg.Error) else error.__cause__
    said = server_error.diag.message_primary if isinstance(server_error, psycopg.Error) else None
    return " ".join((said or str(error)).split())


async def _with_database(settings: Settings, work: Work) -> int:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    told_to_stop: list[int] = []

    def stop() -> None:
        told_to_stop.append(signal.SIGTERM)
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)  # until what is started has a handler of its own
    try:
        async with database_of(settings) as conninfo:
            return await work(settings, conninfo)
    except asyncio.CancelledError:
        if told_to_stop:
            return EXIT_STOPPED
        raise


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[str]:
    """The conninfo of a database that can be reached: the settings', or one that is started meanwhile.

    Raises psycopg.OperationalError, CantStart.
    """
    if settings.database_url is not None:
        # Tried first, since what is built on it has longer ways to say that it can't be reached.
        await (await psycopg.AsyncConnection.connect(settings.database_url, connect_timeout=5)).close()
        yield settings.database_url
        return
    embedded = EmbeddedServer(settings.data_dir / "postgres")
    with console.status("Starting PostgreSQL..."):
        conninfo = await embedded.start()
    try:
        async with for_ever("the embedded PostgreSQL", embedded.keep_running):
            yield conninfo
    finally:
        await embedded.stop()
