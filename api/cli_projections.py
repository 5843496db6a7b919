"""The commands `verbatim project` and `verbatim projections`."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from math import ceil

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from api.app import open_builds, projecting, retaining
from api.children import begin_work
from api.commands import EXIT_CORRUPT, console, run
from api.projecting import step_back
from infrastructure.postgres import Database
from infrastructure.settings import Settings
from projections import status
from projections.catalogue import PROJECTIONS

NAMES = [projection.name for projection in PROJECTIONS]
LOOK_SECONDS = 0.2

out = Console(highlight=False, soft_wrap=True)


@click.command()
@click.option("--child", is_flag=True, hidden=True, help="Beside a service that has started this process.")
def project(child: bool) -> None:
    """Drive the projections, and the retention, where `verbatim serve --no-project` doesn't.

    Any number may stand by.

    Example:

        verbatim project
    """

    async def work(settings: Settings, conninfo: str) -> int:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        if child:
            step_back()
        async with projecting(settings, conninfo), retaining(settings, conninfo):
            if child:
                begin_work()
            else:
                console.print("Projecting, as long as no other process does. Stop with Ctrl+C")
            await stopped.wait()
        return 0

    run(work)


@click.group()
def projections() -> None:
    """Look after the tables that are made from the log.

    Example:

        verbatim projections status
    """


@projections.command("status")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show_status(as_json: bool) -> None:
    """How far projections have come, what is being built and for how long, and what is set aside.

    Exits with 65 if anything is set aside, and with 69 if tables are newer than this code and nothing takes
    the log into them.

    Example:

        verbatim projections status
    """

    async def work(settings: Settings, conninfo: str) -> int:
        async with opened(conninfo) as database:
            builds = await status.builds_at_their_pace(database.fetch)
            faults = await status.faults(database.fetch)
        if as_json:
            click.echo(msgspec.json.encode({"builds": builds, "set_aside": faults}))
        else:
            _print_builds(builds)
            _print_faults(faults)
            for told in status.newer([build for build in builds if build.is_driven], PROJECTIONS).values():
                out.print(told, markup=False)
        status.require_driven(builds, PROJECTIONS)
        return EXIT_CORRUPT if faults else 0

    run(work)


@projections.command()
@click.argument("name", type=click.Choice(NAMES), required=False, metavar="[PROJECTION]")
@click.option("--downgrade", is_flag=True, help="Also where the tables are newer: a newer Verbatim is gone.")
def rebuild(name: str | None, downgrade: bool) -> None:
    """Make a projection's tables anew, or those of all, beside those that are read meanwhile.

    `verbatim projections status` names them. Where one is under way already, it is joined. Exits with 69 if
    tables are newer than this code.

    Examples:

        verbatim projections rebuild

        verbatim projections rebuild transcripts
    """

    async def work(settings: Settings, conninfo: str) -> int:
        async with opened(conninfo) as database:
            newer = status.newer(await status.builds(database.fetch), PROJECTIONS)
            if newer and not downgrade:
                raise status.TablesAreNewer("\n".join((*newer.values(), status.DOWNGRADE)))
            # All of another version: views show them together.
            names = {*newer, name} if name else NAMES
            async with projecting(settings, conninfo):
                begun = await asyncio.to_thread(_begin, conninfo, names)
                await _watch(database, begun)
        return 0

    run(work)


@projections.command()
@click.argument("name", type=click.Choice(NAMES), required=False, metavar="[PROJECTION]")
def retry(name: str | None) -> None:
    """Take in again what was set aside, by one projection or by all.

    Exits with 65 if anything still is, and with 69 if tables are newer than this code and nothing takes the
    log into them.

    Example:

        verbatim projections retry
    """

    async def work(settings: Settings, conninfo: str) -> int:
        async with opened(conninfo) as database:
            asked = await status.ask_for_retry(database.fetch, PROJECTIONS, [name] if name else NAMES)
            async with projecting(settings, conninfo):
                with console.status("Trying again..."):
                    await until(lambda: status.is_retried(database.fetch, asked))
            faults = await status.faults(database.fetch)
        _print_faults(faults)
        if not faults:
            out.print("Nothing is set aside.")
        return EXIT_CORRUPT if faults else 0

    run(work)


@asynccontextmanager
async def opened(conninfo: str) -> AsyncIterator[Database]:
    """The database, with all tables that are made from the log."""
    with open_builds(conninfo):
        pass  # created, where they aren't there yet
    database = Database(conninfo, max_connections=2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _begin(conninfo: str, names: Iterable[str]) -> Sequence[str]:
    with open_builds(conninfo) as builds:
        return [builds.begin(name).build for name in names]


async def _watch(database: Database, begun: Sequence[str]) -> None:
    """Show progress until all that was begun is live."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        tasks = {build: progress.add_task(build, total=None) for build in begun}

        async def are_live() -> bool:
            found = {build.build: build for build in await status.builds(database.fetch)}
            for build, task in tasks.items():
                if build in found:
                    progress.update(task, completed=found[build].position, total=found[build].head)
            return all(found[build].state == "live" for build in begun if build in found)

        await until(are_live)


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Return once another process has done it."""
    while not await is_so():  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(LOOK_SECONDS)


def _print_builds(builds: Sequence[status.BuildStatus]) -> None:
    columns = ("projection", "version", "state", "position", "behind", "set aside", "driven", "time left")
    # Narrow enough for 80 columns.
    table = Table(*columns, box=None, pad_edge=False, collapse_padding=True)
    for build in builds:
        behind = build.head - build.position
        numbers = (f"{number:,}" for number in (build.position, behind, build.set_aside))
        driven = "yes" if build.is_driven else "no"
        table.add_row(build.name, str(build.version), build.state, *numbers, driven, _time_left(build))
    out.print(table)


def _time_left(build: status.BuildStatus) -> str:
    if build.state == "live":
        return ""
    return "unknown" if build.seconds_left is None else str(timedelta(seconds=ceil(build.seconds_left)))


def _print_faults(faults: Sequence[status.Fault]) -> None:
    for fault in faults:
        out.print(
            f"{fault.name} has set aside session {fault.session_id} from version {fault.version} on "
            f"({fault.topic}): {fault.error}",
            markup=False,
        )
    if faults:
        out.print("Try again with: verbatim projections retry")
