"""The command `verbatim export`: one session as a file, or all facts as a dataset."""

import asyncio
from pathlib import Path
from uuid import UUID

import rich_click as click

from api.app import open_record, open_store
from api.cli_analytics import export_dataset
from api.commands import not_in_the_log, run
from api.zips import zipped
from domain.errors import SessionNotFound
from infrastructure.folder import write_whole
from infrastructure.settings import Settings
from projections.exports import EXPORTS, FORMATS, ZIP

DATASET = "parquet"


@click.command()
@click.argument("session", type=click.UUID, required=False)
@click.option(
    "--format", "as_format", type=click.Choice([*FORMATS, DATASET]), default="json", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), help="A file; for parquet a folder.")
@click.option(
    "--with-key", is_flag=True, help="For zip: the visitor's key too, so that the words are proved."
)
def export(session: UUID | None, as_format: str, out: Path | None, with_key: bool) -> None:
    """Take a session away: its events as JSON lines, its proof as a zip, its transcript in all other formats.

    With the zip anybody can verify the session: `verify.py` in it needs nothing but Python. Without the
    visitor's key it proves the sealed bytes; which words they hold is then your word. The key opens all that
    this visitor has ever said: give it to whoever may read that.

    A file is for its owner's eyes alone, and is whole or not there.

    As parquet it is all facts of all sessions, by table and day, for DuckDB, Spark or ClickHouse. Run again,
    it writes only the days that have changed; it may be killed at any time.

    Examples:

        verbatim export 550e8400-e29b-41d4-a716-446655440000 --format html --out session.html

        verbatim export 550e8400-e29b-41d4-a716-446655440000 --format jsonl | grep reply_failed

        verbatim export 550e8400-e29b-41d4-a716-446655440000 --format zip --with-key --out chat.zip

        verbatim export --format parquet --out dataset

        duckdb -c "SELECT day, count(*) FROM 'dataset/sessions/*/*.parquet' GROUP BY day ORDER BY day"
    """
    if with_key and as_format != ZIP:
        raise click.UsageError(f"--with-key is for --format {ZIP}, not {as_format}.")
    if as_format == DATASET:
        folder = _folder(session, out)
        run(lambda settings, conninfo: export_dataset(settings, conninfo, folder))
        return
    if session is None:
        raise click.UsageError(f"Which session? Name one, or ask for --format {DATASET}, which is of all.")
    if out and out.is_dir():
        raise click.BadParameter(f"{out} is a folder: give a file", param_hint="--out")
    if as_format == ZIP:
        file = _file(out)
        run(lambda settings, conninfo: _export_zip(settings, conninfo, session, file, with_key=with_key))
        return
    run(lambda settings, conninfo: _export_session(settings, conninfo, session, as_format, out))


def _folder(session: UUID | None, out: Path | None) -> Path:
    if session is not None:
        raise click.UsageError(f"--format {DATASET} is of all sessions: name none.")
    if out is None:
        raise click.UsageError(f"--format {DATASET} needs --out, a folder.")
    if out.exists() and not out.is_dir():
        raise click.BadParameter(f"{out} is a file: give a folder", param_hint="--out")
    return out


def _file(out: Path | None) -> Path:
    if out is None:
        raise click.UsageError(f"--format {ZIP} needs --out, a file.")
    return out


async def _export_zip(settings: Settings, conninfo: str, session: UUID, out: Path, *, with_key: bool) -> int:
    async with open_record(settings, conninfo) as record:

        async def sign() -> None:
            while await record.notary.keep_up():
                pass  # so that all of it is under a checkpoint

        try:
            made = await zipped(record.store, record.auditor, session, with_key=with_key, sign=sign)
        except SessionNotFound:
            return not_in_the_log(session)
    await asyncio.to_thread(write_whole, out, made)
    return 0


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
        await asyncio.to_thread(write_whole, out, exported)
    return 0
