"""The page at `/`, where a newcomer chats, and the files under `/static/` that it and other sites need.

They have stable names, so that a site can name them once and for all: whoever has one asks each time whether
it is still the same (304), and pages of other sites may load it.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Struct

STATIC = Path(__file__).parent / "static"

LEAST_PACKED = 500
"""Bytes below which packing saves nothing."""

READ = (HttpMethod.GET, HttpMethod.HEAD)


class Asset(Struct, frozen=True):
    """A file as it is sent; `packed` is the same in gzip, where that is smaller."""

    body: bytes
    packed: bytes | None
    media_type: str
    etag: str


Assets = Mapping[str, Asset]


def load_assets(folder: Path = STATIC) -> Assets:
    """All files of a folder, by their paths in it."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _asset(path) for path in paths}


@route("/", http_method=READ, include_in_schema=False, sync_to_thread=False)
def page(request: Request[Any, Any, Any], assets: NamedDependency[Assets]) -> Response[bytes]:
    """Chat with the assistant."""
    return _answer(assets["index.html"], request)


@route("/static/{file_path:path}", http_method=READ, include_in_schema=False, sync_to_thread=False)
def static_file(
    request: Request[Any, Any, Any], assets: NamedDependency[Assets], file_path: FromPath[str]
) -> Response[bytes]:
    """A file, for pages of ours and of others."""
    asset = assets.get(file_path.lstrip("/"))
    if asset is None:
        raise NotFoundException
    answer = _answer(asset, request)
    answer.set_header("Cross-Origin-Resource-Policy", "cross-origin")
    answer.set_header("Access-Control-Allow-Origin", "*")
    return answer


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    packed = gzip.compress(body, mtime=0)
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(
        body=body,
        packed=packed if LEAST_PACKED <= len(packed) < len(body) else None,
        media_type=f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
        etag=hashlib.sha256(body).hexdigest()[:32],
    )


def _answer(asset: Asset, request: Request[Any, Any, Any]) -> Response[bytes]:
    is_packed = asset.packed is not None and "gzip" in request.headers.get("accept-encoding", "")
    # Two representations, two tags: what one browser keeps packed, a cache must not give to another as plain.
    tag = f'"{asset.etag}-gzip"' if is_packed else f'"{asset.etag}"'
    headers = {"ETag": tag, "Cache-Control": "public, no-cache", "Vary": "Accept-Encoding"}
    if tag in _tags(request.headers.get("if-none-match", "")):
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    if is_packed and asset.packed is not None:
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, headers=headers, media_type=asset.media_type)
    return Response(asset.body, headers=headers, media_type=asset.media_type)


def _tags(header: str) -> list[str]:
    """What a browser has. A proxy that packs or unpacks makes a tag a weak one."""
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
