"""The command `verbatim replay`: what auditors do, straight from the database."""

from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Any
from uuid import UUID

import rich_click as click

from api.app import open_store
from api.commands import EXIT_NOT_FOUND, EXIT_USAGE, console, not_in_the_log, run
from api.frames import Cursor
from api.player import Player
from api.replay import FASTEST, SLOWEST, Replay, parse_speed
from domain.errors import InvalidRequest, SessionErased, SessionNotFound
from infrastructure.settings import Settings


def _checked(check: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback that takes a value as it is, once it has passed a check that may raise InvalidRequest."""

    def callback(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        try:
            if value is not None:
                check(value)
        except InvalidRequest as error:
            raise click.BadParameter(str(error)) from None
        return value

    return callback


@click.command()
@click.argument("session", type=click.UUID)
@click.option(
    "--speed",
    default="1",
    show_default=True,
    callback=_checked(parse_speed),
    help=f"A factor from {SLOWEST} to {FASTEST}, such as 0.5 or 10, or max for at once.",
)
@click.option(
    "--after", callback=_checked(Cursor.parse), help="A cursor, such as 12.0: begin with what follows it."
)
@click.option(
    "--follow/--no-follow",
    default=True,
    show_default=True,
    help="At the end of the log, go on with a session that goes on, until Ctrl+C.",
)
def replay(session: UUID, speed: str, after: str | None, follow: bool) -> None:
    """Play a session as its visitor saw it: every word when it was said.

    Exits with 1 if there is no such session, or if its visitor was erased.

    Examples:

        verbatim replay 550e8400-e29b-41d4-a716-446655440000

        verbatim replay 550e8400-e29b-41d4-a716-446655440000 --speed 10 --after 12.0

        verbatim replay 550e8400-e29b-41d4-a716-446655440000 --speed max --no-follow
    """

    async def work(settings: Settings, conninfo: str) -> int:
        async with open_store(settings, conninfo, is_live=follow) as store:
            try:
                await _play(await Replay.begin(store, session, after, speed, follow=follow))
            except SessionNotFound:
                return not_in_the_log(session)
            except SessionErased:
                console.print(f"Session {session} can't be replayed: its visitor was erased.")
                return EXIT_NOT_FOUND
            except InvalidRequest as error:
                console.print(str(error), style="red", markup=False)
                return EXIT_USAGE
        return 0

    run(work)


async def _play(replay: Replay) -> None:
    player = Player(partial(click.echo, nl=False))
    try:
        async with aclosing(replay.moments()) as moments:
            async for moment in moments:
                player.show(moment)
    finally:
        player.close()
