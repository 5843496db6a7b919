"""The command `verbatim doctor`: what an operator would ask when something is wrong, each answered in a line.

It changes nothing, and needs no service that runs. An answer is a sentence, or Trouble, which says what to
do. Secrets stand in none.
"""

import asyncio
import http.client
import os
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import rich_click as click
import uvloop
from eventsourcing.persistence import StoredEvent
from msgspec import Struct
from psycopg import AsyncConnection, AsyncRawCursor

from api.commands import database_of, reason
from api.entry import EXIT_INTERRUPTED
from api.server import CantListen, at_home, bound
from domain.errors import CorruptLog
from infrastructure import codec
from infrastructure.clock import NOTABLE
from infrastructure.keyring import SEALED_BY_IT, fitting_master_key
from infrastructure.postgres import CantStart, lively
from infrastructure.settings import (
    Settings,
    SettingsError,
    master_key_file,
    operator_token_file,
    read_master_key,
    read_operator_token,
    read_settings,
)
from projections import status
from projections.catalogue import PROJECTIONS

EXIT_TROUBLE = 1

PATIENCE_SECONDS = 5.0
"""How long any one answer may take."""

OLDEST, NEWEST = 15, 18
"""The versions of PostgreSQL that this is made for."""

TABLES = ("stored_events", "visitor_keys", "master_key_check", "checkpoints", "deadlines", "projections")

TAIL_EVENTS = 1000

# Events whose session doesn't have the version before, at an earlier position.
TORN = """
    WITH tail AS (
        SELECT originator_id, originator_version, notification_id FROM stored_events
        ORDER BY notification_id DESC LIMIT $1
    )
    SELECT originator_id, originator_version FROM tail
    WHERE originator_version > 1 AND NOT EXISTS (
        SELECT FROM stored_events AS before WHERE before.originator_id = tail.originator_id
            AND before.originator_version = tail.originator_version - 1
            AND before.notification_id < tail.notification_id
    )
    ORDER BY notification_id LIMIT 1
"""

LATEST_CHECKPOINT = "SELECT number, signed_at FROM checkpoints ORDER BY number DESC LIMIT 1"

UNSIGNED = """
    SELECT originator_id, originator_version, topic, state FROM stored_events
    WHERE notification_id > (SELECT coalesce(max(up_to), 0) FROM checkpoints) ORDER BY notification_id LIMIT 1
"""

OVERDUE = "SELECT count(*), min(due_at) FROM deadlines WHERE due_at < now() - interval '1 minute'"

Ask = Callable[..., Awaitable[list[Any]]]
"""Fetches all rows of a query with `$1`-style parameters."""


class Trouble(Exception):
    """Something isn't as it should be: what, and what to do."""


class Answer(Struct, frozen=True):
    """What is said about one thing; `is_ok` is None where it couldn't be asked."""

    about: str
    says: str
    is_ok: bool | None = True


@click.command()
def doctor() -> None:
    """Look after all that the service needs, and say of each thing whether it is as it should be.

    Every line begins with ok or FAIL, and a FAIL says what to do; - is what couldn't be asked. Nothing is
    changed, and no service need run. Exits with 1 if anything fails.

    Example:

        verbatim doctor
    """

    async def work() -> int:
        code = 0
        async for answer in _answers(os.environ):
            mark = {True: "ok", False: "FAIL", None: "-"}[answer.is_ok]
            click.echo(f"{mark:<6}{answer.about:<13}{answer.says}")
            code = EXIT_TROUBLE if answer.is_ok is False else code
        return code

    try:
        sys.exit(uvloop.run(work()))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


async def _answers(environment: Mapping[str, str]) -> AsyncIterator[Answer]:
    try:
        settings = read_settings(environment)
    except SettingsError as error:
        yield Answer("settings", str(error), is_ok=False)
        return
    yield Answer("settings", f"all are accepted; the assistant is {settings.assistant}")
    yield await _answer("data folder", partial(_data_folder, settings))
    yield await _answer("port", lambda: asyncio.to_thread(_port, settings))
    if settings.redis_url:
        yield await _answer("Redis", partial(_redis, settings.redis_url))
    if settings.assistant == "openai":
        yield await _answer("model", partial(_model, settings))
    async for answer in _answers_of_database(settings):
        yield answer


async def _answers_of_database(settings: Settings) -> AsyncIterator[Answer]:
    """Each needs what comes before it."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        yield Answer("database", f"none yet in {settings.data_dir}: `verbatim serve` makes it")
        return
    async with AsyncExitStack() as stack:
        asks: list[Ask] = []

        async def connect() -> str:
            asks.append(await _connected(settings, stack))
            return await _version(asks[0])

        # An embedded one may have to be started first.
        yield await _answer("database", connect, patience=60)
        if not asks:
            return
        ask = asks[0]
        yield (answer := await _answer("tables", partial(_tables, ask)))
        questions: Mapping[str, Callable[[], Awaitable[str]]] = {
            "master key": partial(_master_key, settings, ask),
            "clock": partial(_clock, ask),
            "log": partial(_log, ask),
            "checkpoints": partial(_checkpoints, settings, ask),
            "projections": partial(_projections, ask),
            "deadlines": partial(_deadlines, ask),
        }
        for about, question in questions.items():
            if answer.is_ok:
                yield await _answer(about, question)
            else:
                yield Answer(about, "not asked, without all tables", is_ok=None)


async def _answer(
    about: str, question: Callable[[], Awaitable[str]], patience: float = PATIENCE_SECONDS
) -> Answer:
    try:
        async with asyncio.timeout(patience):
            return Answer(about, await question())
    except TimeoutError:
        return Answer(about, f"no answer within {patience:.0f} seconds", is_ok=False)
    except (Trouble, CorruptLog, SettingsError) as error:
        says = str(error)
    except (psycopg.Error, CantStart) as error:
        says = f"can't be used: {reason(error)}"
    except OSError as error:
        says = error.strerror or type(error).__name__
    return Answer(about, " ".join(says.split()), is_ok=False)


# --- this machine


async def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir
    if not folder.exists():
        return f"{folder} isn't there yet: the first start makes it"
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Trouble(f"{folder} is no folder that this user can write: set VERBATIM_DATA_DIR, or its owner")
    for path in (master_key_file(folder), operator_token_file(folder)):
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
        if mode & 0o077:
            raise Trouble(f"{path} can be read by others (mode {mode:04o}): chmod 600 {path}")
    # A start would read them so, and be stopped by what is none.
    if settings.master_key is None:
        read_master_key(folder)
    if settings.operator_token is None:
        read_operator_token(folder)
    return f"{folder} can be written, and its secrets are read by their owner alone"


def _port(settings: Settings) -> str:
    try:
        for each in bound(settings.host, settings.port):
            each.close()
    except CantListen as fault:
        if not fault.is_port:
            raise Trouble(
                f"VERBATIM_HOST={settings.host!r} is none of this machine's: give one that is"
            ) from None
        return _who_has_the_port(settings, str(fault))
    return f"{settings.port} is free: no service runs here"


def _who_has_the_port(settings: Settings, fault: str) -> str:
    connection = http.client.HTTPConnection(
        at_home(settings.host), settings.port, timeout=PATIENCE_SECONDS - 1
    )
    try:
        connection.request("GET", "/health/ready")
        code = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        raise Trouble(
            f"{settings.port} can't be had ({fault}), and no service answers there: end what has it, or set "
            "VERBATIM_PORT"
        ) from None
    finally:
        connection.close()
    if code != http.client.OK:
        raise Trouble(
            f"what answers at {settings.port} says {code} to /health/ready: for Verbatim, see the database"
        )
    return f"a service answers at {settings.port}, and is ready"


# --- other servers


async def _redis(url: str) -> str:
    from redis import RedisError
    from redis import asyncio as redis

    client: Any = redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        # Its text may hold the address, and so a password.
        raise Trouble(
            f"REDIS_URL can't be reached ({type(error).__name__}): start Redis, or unset it to ring through "
            "PostgreSQL"
        ) from None
    finally:
        await client.aclose()
    return "answers"


async def _model(settings: Settings) -> str:
    # Imported where it is wanted: it takes longer to load than all the rest.
    from openai import APIConnectionError, APIStatusError, AsyncOpenAI

    client = AsyncOpenAI(
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key,
        timeout=PATIENCE_SECONDS - 1,
        max_retries=0,
    )
    try:
        async with client:
            names = [model.id async for model in client.models.list()]
    except APIConnectionError:
        raise Trouble("the server can't be reached: start it, or see OPENAI_BASE_URL") from None
    except APIStatusError as error:
        if error.status_code in (401, 403):
            raise Trouble(f"the server says {error.status_code}: see OPENAI_API_KEY") from None
        return f"the server answers, and doesn't list its models ({error.status_code})"
    if settings.openai_model not in names:
        shown = ", ".join(sorted(names)[:10]) or "none"
        raise Trouble(
            f"the server has no {settings.openai_model!r}: set OPENAI_MODEL to one of its own: {shown}"
        )
    return f"{settings.openai_model} is one of the {len(names)} that the server has"


# --- the database


async def _connected(settings: Settings, stack: AsyncExitStack) -> Ask:
    conninfo = await stack.enter_async_context(database_of(settings))
    connection = await AsyncConnection.connect(
        conninfo, autocommit=True, application_name="verbatim-doctor", **lively(conninfo)
    )
    await stack.enter_async_context(connection)
    await connection.set_read_only(True)
    await connection.execute("SET default_transaction_read_only = on")

    async def ask(query: Any, params: Any = ()) -> list[Any]:
        return await (await AsyncRawCursor(connection).execute(query, params, binary=True)).fetchall()

    return ask


async def _version(ask: Ask) -> str:
    ((number, name),) = await ask(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
    )
    if not OLDEST <= number // 10_000 <= NEWEST:
        raise Trouble(f"it is PostgreSQL {name}: take a version from {OLDEST} to {NEWEST}")
    return f"PostgreSQL {name} answers"


async def _tables(ask: Ask) -> str:
    rows = await ask(
        "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL", ([*TABLES],)
    )
    if rows:
        missing = ", ".join(name for (name,) in rows)
        raise Trouble(f"missing: {missing}. Start the service, as a role that may create tables")
    return "all are there"


async def _master_key(settings: Settings, ask: Ask) -> str:
    sealed = await ask(SEALED_BY_IT)
    if not sealed:
        return "the database was written with none yet"
    fitting_master_key(settings, sealed[0])
    return "it is the one that this database was written with"


async def _clock(ask: Ask) -> str:
    before = datetime.now(UTC)
    ((there,),) = await ask("SELECT clock_timestamp()")
    now = datetime.now(UTC)
    off = (before + (now - before) / 2) - there
    if abs(off) > NOTABLE:
        raise Trouble(f"this machine's is {off.total_seconds():+.1f} s off the database's: set both by NTP")
    return f"{abs(off.total_seconds()) * 1000:.0f} ms off the database's"


async def _log(ask: Ask) -> str:
    ((head,),) = await ask("SELECT coalesce(max(notification_id), 0) FROM stored_events")
    for session_id, version in await ask(TORN, (TAIL_EVENTS,)):
        raise Trouble(
            f"session {session_id}: nothing comes before version {version}. See verbatim verify --all"
        )
    looked_at = f"its latest {TAIL_EVENTS:,} events have" if head > TAIL_EVENTS else "it has"
    return f"up to position {head:,}, and {looked_at} no gap"


async def _checkpoints(settings: Settings, ask: Ask) -> str:
    latest = await ask(LATEST_CHECKPOINT)
    said = "none yet"
    if latest:
        number, signed_at = latest[0]
        said = f"number {number} was signed {_ago(_moment(signed_at))} ago"
    for row in await ask(UNSIGNED):
        envelope, _ = codec.opened(StoredEvent(*row), None)
        since = _moment(envelope.at)
        if datetime.now(UTC) - since > timedelta(seconds=3 * settings.checkpoint_seconds):
            raise Trouble(
                f"{said}, and what was recorded {_ago(since)} ago isn't signed: start a service, or run "
                "verbatim anchor"
            )
    return said


async def _projections(ask: Ask) -> str:
    builds = await status.builds(ask)
    try:
        status.require_driven(builds, PROJECTIONS)
    except status.TablesAreNewer as error:
        raise Trouble(str(error)) from None
    if aside := sum(build.set_aside for build in builds):
        raise Trouble(f"{aside} sessions are set aside: see verbatim projections status")
    behind = {build.name: build.head - build.position for build in builds if build.head > build.position}
    idle = [build.name for build in builds if build.name in behind and not build.is_driven]
    if idle:
        names = ", ".join(dict.fromkeys(idle))
        raise Trouble(f"no process takes the log into {names}: start verbatim serve, or verbatim project")
    return (
        f"the furthest behind is so by {max(behind.values()):,} positions" if behind else "all are caught up"
    )


async def _deadlines(ask: Ask) -> str:
    ((overdue, since),) = await ask(OVERDUE)
    if overdue:
        ago = _ago(since)
        raise Trouble(f"{overdue} sessions should have been warned or ended, one {ago} ago: start a service")
    return "none is overdue"


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _ago(moment: datetime) -> str:
    return str(timedelta(seconds=round((datetime.now(UTC) - moment).total_seconds())))
