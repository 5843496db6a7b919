"""The commands `verbatim verify` and `anchor`: that what is stored is what was recorded."""

import asyncio
import time
from pathlib import Path
from uuid import UUID

import msgspec
import rich_click as click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from api.app import Record, open_record
from api.collector import calm_collector
from api.commands import EXIT_CORRUPT, EXIT_NOT_FOUND, EXIT_UNAVAILABLE, console, not_in_the_log, run
from domain.proof import Anchor, Verdict
from infrastructure.anchors import AnchorError, read_anchor
from infrastructure.folder import write_whole
from infrastructure.settings import Settings

CHECKPOINTS_AT_ONCE = 100


@click.command()
@click.argument("session", type=click.UUID, required=False)
@click.option("--all", "everything", is_flag=True, help="The whole log.")
@click.option(
    "--anchor",
    "anchor_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Checkpoints that were kept elsewhere, as `verbatim anchor` wrote them.",
)
def verify(session: UUID | None, everything: bool, anchor_file: Path | None) -> None:
    """Verify that what is stored is what was recorded: one session, or the whole log.

    Every finding is a line. The exit code is 0 where there is none, 65 where there is any fault, and 69 where
    some tables of projections can't be compared now, or an erasure isn't over.

    Examples:

        verbatim verify 550e8400-e29b-41d4-a716-446655440000

        verbatim verify --all

        verbatim verify --all --anchor /mnt/elsewhere/anchor.json
    """
    if everything == bool(session):
        raise click.UsageError("give a SESSION, or --all for the whole log: one of the two")
    anchor = _read_anchor(anchor_file) if anchor_file else None

    async def work(settings: Settings, conninfo: str) -> int:
        async with open_record(settings, conninfo) as record:
            calm_collector()
            started = time.perf_counter()
            if session:
                verdict = await record.auditor.verify(session, anchor)
            else:
                verdict = await _verify_log(record, anchor)
            seconds = time.perf_counter() - started
        if verdict is None:
            assert session
            return not_in_the_log(session)
        for finding in verdict.findings:
            click.echo(finding.message)
        click.echo(_summary(verdict, None if session else seconds))
        if not verdict.ok:
            return EXIT_CORRUPT
        return EXIT_UNAVAILABLE if verdict.findings else 0

    run(work)


@click.command()
@click.option("--all", "everything", is_flag=True, help="All checkpoints, and what names what was changed.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file, instead of stdout.")
def anchor(everything: bool, out: Path | None) -> None:
    """Sign what is recorded up to now, and give out the latest checkpoint, which vouches for all before.

    Keep it where nobody who can change the log can reach it: `verbatim verify --anchor` then convicts a log
    that was cut off or written anew, even by somebody who has all of its keys. With --all, about 5 bytes an
    event, it also names what was changed.

    Examples:

        verbatim anchor > anchor.json

        verbatim anchor --all --out /mnt/elsewhere/anchor.json
    """

    async def work(settings: Settings, conninfo: str) -> int:
        async with open_record(settings, conninfo) as record:
            while await record.notary.keep_up():
                pass
            latest = await record.auditor.latest_checkpoint()
            if not latest.checkpoints:
                console.print("Nothing is recorded yet: there is nothing to sign.")
                return EXIT_NOT_FOUND
            given = await _all_checkpoints(record) if everything else latest
        raw = msgspec.json.format(msgspec.json.encode(given)) + b"\n"
        if out:
            await asyncio.to_thread(write_whole, out, raw)
        else:
            click.echo(raw, nl=False)
        return 0

    run(work)


def _read_anchor(path: Path) -> Anchor:
    try:
        return read_anchor(path.read_bytes())
    except AnchorError as error:
        raise click.BadParameter(f"{path} is no anchor: {error}", param_hint="--anchor") from None


async def _all_checkpoints(record: Record) -> Anchor:
    """All checkpoints, with their hints."""
    page = await record.auditor.checkpoints(0, CHECKPOINTS_AT_ONCE, hints=True)
    checkpoints, hints = [*page.checkpoints], {**page.hints}
    while page.checkpoints:
        after = page.checkpoints[-1].number
        page = await record.auditor.checkpoints(after, CHECKPOINTS_AT_ONCE, hints=True)
        checkpoints += page.checkpoints
        hints |= page.hints
    return Anchor(page.public_key, checkpoints, hints)


async def _verify_log(record: Record, anchor: Anchor | None) -> Verdict:
    columns = (TextColumn("Verifying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1)
        return await record.auditor.verify_log(anchor, lambda done: bar.update(task, completed=done))


def _summary(verdict: Verdict, seconds: float | None) -> str:
    """What was found; and how fast, where it took `seconds` to read enough for that to mean anything."""
    findings = _counted(verdict.faults, "finding") if verdict.faults else "nothing to find fault with"
    text = (
        f"{findings}: {_counted(verdict.events, 'event')} of {_counted(verdict.sessions, 'session')}, "
        f"{_counted(verdict.checkpoints, 'checkpoint')}"
    )
    if seconds is not None:
        text += f", {verdict.events / seconds:,.0f} events/s"
    if verdict.uncovered:
        since = f" (since {verdict.uncovered_since:%Y-%m-%d %H:%M:%S} UTC)" if verdict.uncovered_since else ""
        text += f"\nNot yet under a checkpoint: the latest {_counted(verdict.uncovered, 'event')}{since}"
    return text


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
