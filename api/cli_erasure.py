"""The commands `verbatim erase` and `verbatim retain`."""

import asyncio
from uuid import UUID

import msgspec
import rich_click as click
from rich.console import Console

from api.app import Erasing, build_retention, open_erasing, projecting
from api.commands import EXIT_NOT_FOUND, EXIT_UNAVAILABLE, console, run
from domain.erasure import Receipt
from domain.errors import VisitorNotFound
from domain.retention import Applied
from infrastructure.settings import Settings
from projections import status
from projections.catalogue import PROJECTIONS

WAIT_SECONDS = 600.0
"""How long a command waits for projections: it drives them itself, where nobody else does."""

out = Console(highlight=False, soft_wrap=True)


@click.command()
@click.argument("visitor", type=click.UUID)
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the receipt for programs.")
def erase(visitor: UUID, yes: bool, as_json: bool) -> None:
    """Forget a visitor for good: end their sessions, destroy their key, purge what was made from them.

    Prints a receipt. Do it again after a failure: what is done is left as it is. Exits with 1 if there is no
    such visitor or the answer is no, and with 69 if some projections can't be purged now.

    Examples:

        verbatim erase 660e8400-e29b-41d4-a716-446655440000

        verbatim erase 660e8400-e29b-41d4-a716-446655440000 --yes --json > receipt.json
    """

    async def work(settings: Settings, conninfo: str) -> int:
        async with open_erasing(settings, conninfo) as erasing:
            try:
                session_ids = await erasing.erasure.sessions_of(visitor)
            except VisitorNotFound:
                console.print("No session in the log was started for this visitor.")
                return EXIT_NOT_FOUND
            if not yes and not await asyncio.to_thread(_is_wanted, len(session_ids)):
                console.print("Nothing was erased: answer y, or give --yes.")
                return EXIT_NOT_FOUND
            async with projecting(settings, conninfo):
                with console.status("Erasing..."):
                    receipt = await erasing.erasure.erase(visitor, await _patience(erasing))
                    await erasing.erasure.tidy(within=1)
        if as_json:
            click.echo(msgspec.json.encode(receipt))
        else:
            _print(receipt)
        return EXIT_UNAVAILABLE if receipt.projections == "pending" else 0

    run(work)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how much is too old.")
def retain(dry_run: bool) -> None:
    """Apply VERBATIM_RETENTION_DAYS now: export and erase what is older. Services do so by themselves.

    A visitor is erased when all of their sessions ended that long ago. With VERBATIM_RETENTION_EXPORT_DIR,
    each of their sessions is first written there as JSON. Exits with 1 if something had to be left.

    Examples:

        VERBATIM_RETENTION_DAYS=365 verbatim retain --dry-run

        VERBATIM_RETENTION_DAYS=365 VERBATIM_RETENTION_EXPORT_DIR=/srv/archive verbatim retain
    """

    async def work(settings: Settings, conninfo: str) -> int:
        async with open_erasing(settings, conninfo) as erasing:
            retention = build_retention(settings, erasing)
            # Who is too old is asked of the tables.
            status.require_driven(await status.builds(erasing.database.fetch), PROJECTIONS)
            async with projecting(settings, conninfo):
                with console.status("Reading the log..."):
                    await erasing.erasure.have_passed(await erasing.log.latest(), WAIT_SECONDS)
                if dry_run:
                    visitors, sessions = await retention.overdue()
                    out.print(f"{_of(visitors, sessions)} would be erased.")
                    return 0
                with console.status("Erasing..."):
                    applied = await retention.apply()
                    await erasing.erasure.tidy(WAIT_SECONDS)
        out.print(f"{_of(applied.visitors, applied.sessions)} erased.")
        return _left(applied)

    run(work)


async def _patience(erasing: Erasing) -> float:
    """How long to wait for projections: not at all where that would be in vain, which is said."""
    try:
        status.require_driven(await status.builds(erasing.database.fetch), PROJECTIONS)
    except status.TablesAreNewer as error:
        console.print(str(error), style="red", markup=False)
        return 0
    return WAIT_SECONDS


def _is_wanted(sessions: int) -> bool:
    try:
        return click.confirm(
            f"Erase {_count(sessions, 'session')} of this visitor for good? It can't be undone.", err=True
        )
    except click.Abort:
        console.print()  # nobody is there to answer, and so to end the line
        return False


def _print(receipt: Receipt) -> None:
    out.print(f"Visitor {receipt.visitor_id} is erased, since {receipt.erased_at:%Y-%m-%d %H:%M:%S} UTC.")
    for session in receipt.sessions:
        note = "" if session.erased_at else "  (its log doesn't add up: nothing could be added to it)"
        out.print(f"  Session {session.session_id}, last version {session.version}, {session.hash}{note}")
    if receipt.projections == "purged":
        names = ", ".join(purge.name for purge in receipt.purged)
        out.print(f"Nothing they said is left in {names}, up to position {receipt.position}.")
    else:
        out.print("Projections are behind: what they hold goes when they come to it. Ask again to be sure.")


def _of(visitors: int, sessions: int) -> str:
    return f"{_count(visitors, 'visitor')} with {_count(sessions, 'session')}"


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


def _left(applied: Applied) -> int:
    if applied.left:
        console.print(f"{applied.left} had to be left: their log can't be read, or says that they came back.")
    return EXIT_NOT_FOUND if applied.left else 0
