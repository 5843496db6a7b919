"""The page at `/`, where a newcomer chats, and the files it needs."""

from pathlib import Path

from litestar import HttpMethod, MediaType, Response, route
from litestar.static_files import create_static_files_router

STATIC = Path(__file__).parent / "static"

static_files = create_static_files_router(path="/static", directories=[STATIC], include_in_schema=False)


@route("/", http_method=[HttpMethod.GET, HttpMethod.HEAD], include_in_schema=False, sync_to_thread=False)
def page() -> Response[bytes]:
    """Chat with the assistant."""
    return Response((STATIC / "index.html").read_bytes(), media_type=MediaType.HTML)
