"""The page at `/`, where a newcomer chats, and the files it needs."""

from pathlib import Path

from litestar import HttpMethod, MediaType, Response, route
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers.base import BaseRouteHandler
from litestar.static_files import create_static_files_router

STATIC = Path(__file__).parent / "static"
FILES = frozenset(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())


def is_a_file(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    """A guard: what isn't one of our files isn't looked for. Some names can't even be, such as `%00`."""
    if str(connection.path_params["file_path"]).lstrip("/") not in FILES:
        raise NotFoundException


static_files = create_static_files_router(
    path="/static", directories=[STATIC], guards=[is_a_file], include_in_schema=False
)


@route("/", http_method=[HttpMethod.GET, HttpMethod.HEAD], include_in_schema=False, sync_to_thread=False)
def page() -> Response[bytes]:
    """Chat with the assistant."""
    return Response((STATIC / "index.html").read_bytes(), media_type=MediaType.HTML)
