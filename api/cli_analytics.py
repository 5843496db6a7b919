"""The commands `verbatim demo-data` and `verbatim export`: history to try things on, files to take away."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import rich_click as click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from api.app import ALEX, open_store, projecting
from api.cli_projections import opened, out, until
from api.commands import EXIT_USAGE, console, run
from infrastructure.demo.story import Plan, record, stories
from infrastructure.demo.visit import Cast
from infrastructure.personas import load_persona
from infrastructure.settings import Settings
from projections import status
from projections.catalogue import PROJECTIONS

NO_PYARROW = "pyarrow isn't installed, which writes Parquet: pip install 'verbatim-chat[parquet]'"


@click.command("demo-data")
@click.option("--sessions", type=click.IntRange(1, 1_000_000), required=True, help="How many conversations.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="On how many days.")
@click.option(
    "--until",
    "last",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The last of them, in UTC, at the latest yesterday [default: yesterday].",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same history.")
def demo_data(sessions: int, days: int, last: datetime | None, seed: int) -> None:
    """Make a believable history, with Alex's real answers and past times. All of its sessions have ended.

    What is there already stays, and is not made twice.

    Examples:

        verbatim demo-data --sessions 500

        verbatim demo-data --sessions 5000 --days 90 --until 2026-10-31 --seed 7
    """
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    plan = Plan(sessions, days, last.date() if last else yesterday, seed)
    if plan.until > yesterday:
        _refuse(f"{plan.until} isn't over yet: give {yesterday} or earlier")
    if plan.until.toordinal() <= days:
        _refuse(f"no calendar has {days} days before {plan.until}: give a later day, or fewer --days")

    async def work(settings: Settings, conninfo: str) -> int:
        cast = Cast.of(*load_persona(ALEX))
        async with open_store(settings, conninfo) as store:
            with _bar("Recording", sessions) as (progress, task):
                new = await record(store, stories(plan, cast), lambda: progress.advance(task))
        await catch_up(settings, conninfo)
        there = f"; {sessions - new} were there already" if new < sessions else ""
        out.print(f"{new} sessions are on the record, up to {plan.until}{there}.")
        return 0

    run(work)


async def export_dataset(settings: Settings, conninfo: str, folder: Path) -> int:
    """Bring the dataset in a folder up to date with the log, and say what was done."""
    try:
        from projections.dataset import DatasetError, write_dataset
    except ImportError:
        console.print(NO_PYARROW, style="red", markup=False)
        return EXIT_USAGE
    await catch_up(settings, conninfo)
    with _bar("Writing files", None) as (progress, task):
        told = lambda done, total: progress.update(task, completed=done, total=total)  # noqa: E731
        try:
            done = await asyncio.to_thread(write_dataset, conninfo, folder, told)
        except DatasetError as error:
            console.print(str(error), style="red", markup=False)
            return EXIT_USAGE
    out.print(f"{folder}: {done.written} files written, {done.removed} removed, {done.unchanged} unchanged.")
    return 0


async def catch_up(settings: Settings, conninfo: str) -> None:
    """Have all that is in the log now be in the tables, whoever drives the projections.

    Raises TablesAreNewer.
    """
    async with opened(conninfo) as database:
        standing = await status.builds(database.fetch)
        status.require_driven(standing, PROJECTIONS)
        head = max(build.head for build in standing)
        async with projecting(settings, conninfo):
            with console.status("Projecting..."):
                await until(lambda: status.have_passed(database.fetch, head))


def _refuse(why: str) -> NoReturn:
    raise click.BadParameter(why, param_hint="--until")


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress, progress.add_task(what, total=total)
