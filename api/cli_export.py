"""The command `verbatim export`: one session as a file, or all facts as a dataset."""

import asyncio
from pathlib import Path
from uuid import UUID

import rich_click as click

from api.app import open_store
from api.cli_analytics import export_dataset
from api.commands import not_in_the_log, run
from infrastructure.settings import Settings
from projections.exports import EXPORTS

DATASET = "parquet"


@click.command()
@click.argument("session", type=click.UUID, required=False)
@click.option(
    "--format", "as_format", type=click.Choice([*EXPORTS, DATASET]), default="json", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), help="A file; for parquet a folder.")
def export(session: UUID | None, as_format: str, out: Path | None) -> None:
    """Take a session away: its events as JSON lines, its transcript in every other format.

    As parquet it is all facts of all sessions, by table and day, for DuckDB, Spark or ClickHouse. Run again,
    it writes only the days that have changed; it may be killed at any time.

    Examples:

        verbatim export 550e8400-e29b-41d4-a716-446655440000 --format html --out session.html

        verbatim export 550e8400-e29b-41d4-a716-446655440000 --format jsonl | grep reply_failed

        verbatim export --format parquet --out dataset

        duckdb -c "SELECT day, count(*) FROM 'dataset/sessions/*/*.parquet' GROUP BY day ORDER BY day"
    """
    if as_format == DATASET:
        folder = _folder(session, out)
        run(lambda settings, conninfo: export_dataset(settings, conninfo, folder))
        return
    if session is None:
        raise click.UsageError(f"Which session? Name one, or ask for --format {DATASET}, which is of all.")
    if out and out.is_dir():
        raise click.BadParameter(f"{out} is a folder: give a file", param_hint="--out")
    run(lambda settings, conninfo: _export_session(settings, conninfo, session, as_format, out))


def _folder(session: UUID | None, out: Path | None) -> Path:
    if session is not None:
        raise click.UsageError(f"--format {DATASET} is of all sessions: name none.")
    if out is None:
        raise click.UsageError(f"--format {DATASET} needs --out, a folder.")
    if out.exists() and not out.is_dir():
        raise click.BadParameter(f"{out} is a file: give a folder", param_hint="--out")
    return out


async def _export_session(
    settings: Settings, conninfo: str, session: UUID, as_format: str, out: Path | None
) -> int:
    async with open_store(settings, conninfo) as store:
        history = await store.read(session)
    if not history:
        return not_in_the_log(session)
    exported = EXPORTS[as_format].write(history)
    if out is None:
        click.echo(exported, nl=False)
    else:
        await asyncio.to_thread(out.write_bytes, exported)
    return 0
