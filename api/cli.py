"""The command line: `verbatim`."""

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import rich_click as click
from rich.console import Console

from api.app import build, open_store
from api.children import begin_work
from api.cli_analytics import demo_data
from api.cli_audit import replay
from api.cli_doctor import doctor
from api.cli_erasure import erase, retain
from api.cli_export import export
from api.cli_projections import project, projections
from api.cli_proofs import anchor, verify
from api.commands import EXIT_UNAVAILABLE, console, not_in_the_log, run
from api.projecting import projecting_beside
from api.server import CantListen, at_home, bound, make_server
from api.siblings import Siblings
from api.workers import Workers, sockets_of
from infrastructure.log_lines import set_up_logs
from infrastructure.settings import Settings, SettingsError, keep_operator_token, operator_token_file
from projections.renderings import RENDERINGS
from projections.transcript import transcript as fold_transcript

ACCEPTED_HOST = "give an address of this machine, or a name that has one"

welcome = Console(highlight=False, soft_wrap=True)
"""For people: stderr has the log lines of a service that runs, for programs to read."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Verbatim: conversations in which every word is on the record before it is on the screen.

    Settings are environment variables; docs/settings.md lists them.

    Examples:

        verbatim serve

        VERBATIM_PORT=80 VERBATIM_ASSISTANT=guide verbatim serve

        verbatim transcript 550e8400-e29b-41d4-a716-446655440000

        verbatim replay 550e8400-e29b-41d4-a716-446655440000 --speed 2
    """
    set_up_logs(sys.stderr)


@main.command()
@click.option("--host", help="Address to listen on [VERBATIM_HOST, else 127.0.0.1].")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one [VERBATIM_PORT, else 8000]."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes on this port."
)
@click.option(
    "--project/--no-project", "projects", default=True, show_default=True, help="Drive the projections, too."
)
@click.option("--listen-fds", hidden=True, help="What a worker is given to listen on.")
@click.option("--siblings", hidden=True, type=click.Path(path_type=Path), help="Where workers meet.")
def serve(
    host: str | None,
    port: int | None,
    workers: int,
    projects: bool,
    listen_fds: str | None,
    siblings: Path | None,
) -> None:
    """Serve the chat, with a PostgreSQL of its own unless DATABASE_URL is set.

    Examples:

        verbatim serve

        verbatim serve --workers 4

        DATABASE_URL=postgresql://app@db/chat verbatim serve --host 0.0.0.0 --port 80
    """

    async def work(settings: Settings, conninfo: str) -> int:
        address, number = host or settings.host, settings.port if port is None else port
        if listen_fds:
            await _serve(settings, conninfo, sockets_of(listen_fds), begin_work, siblings)
            return 0
        try:
            sockets = await asyncio.to_thread(bound, address, number)
        except CantListen as fault:
            if not fault.is_port:
                raise SettingsError("VERBATIM_HOST", address, ACCEPTED_HOST) from None
            console.print(f"VERBATIM_PORT={number} can't be had at {address}: {fault}", style="red")
            return EXIT_UNAVAILABLE

        taken = sockets[0].getsockname()[1]
        had_token = operator_token_file(settings.data_dir).exists()

        def on_ready() -> None:
            operators = _where_the_operators_token_is(settings, is_new=not had_token)
            _say_ready(settings, address, taken, operators)

        environment = {"DATABASE_URL": conninfo}
        async with projecting_beside(environment) if projects else nullcontext():
            if workers == 1:
                await _serve(settings, conninfo, sockets, on_ready)
                return 0
            return await Workers(workers, sockets, environment).run(on_ready)

    run(work)


@main.command()
@click.argument("session", type=click.UUID)
@click.option(
    "--format", "as_format", type=click.Choice([*RENDERINGS, "json"]), default="text", show_default=True
)
def transcript(session: UUID, as_format: str) -> None:
    """Print all that was said in a session, in whatever state it is.

    Examples:

        verbatim transcript 550e8400-e29b-41d4-a716-446655440000

        verbatim transcript 550e8400-e29b-41d4-a716-446655440000 --format html > chat.html
    """

    async def work(settings: Settings, conninfo: str) -> int:
        async with open_store(settings, conninfo) as store:
            history = await store.read(session)
        if not history:
            return not_in_the_log(session)
        said = fold_transcript(history)
        click.echo(msgspec.json.encode(said) if as_format == "json" else RENDERINGS[as_format][1](said))
        return 0

    run(work)


async def _serve(
    settings: Settings,
    conninfo: str,
    sockets: list[socket.socket],
    on_ready: Callable[[], None],
    siblings: Path | None = None,
) -> None:
    others = Siblings(siblings) if siblings else None
    app = await asyncio.to_thread(partial(build, settings, conninfo, siblings=others))
    await make_server(app, on_ready).serve(sockets)


def _where_the_operators_token_is(settings: Settings, *, is_new: bool) -> str:
    """Told at the start: the token itself but once, when it has just been made."""
    if settings.operator_token:
        return "VERBATIM_OPERATOR_TOKEN"
    path = operator_token_file(settings.data_dir)
    return f"{path}, made now: {keep_operator_token(settings.data_dir)}" if is_new else str(path)


def _say_ready(settings: Settings, host: str, port: int, operators: str) -> None:
    here = at_home(host)
    url = f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"
    keeps = "DATABASE_URL" if settings.database_url else f"{settings.data_dir}/postgres"
    welcome.print(f"[bold]Verbatim[/bold] is ready. Chat at [bold]{url}/[/bold]")
    welcome.print(f"  WebSocket  {url.replace('http', 'ws', 1)}/ws/chat/")
    welcome.print(f"  API        {url}/api/docs/")
    welcome.print(f"  Operators  token in {operators}")
    welcome.print(f"  Assistant  {settings.assistant}    Log kept in {keeps}    Stop with Ctrl+C")


main.add_command(doctor)
main.add_command(replay)
main.add_command(demo_data)
main.add_command(export)
main.add_command(project)
main.add_command(projections)
main.add_command(erase)
main.add_command(retain)
main.add_command(verify)
main.add_command(anchor)
