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

from api.cross_origin import READABLE_BY_ALL

STATIC = Path(__file__).parent / "static"

LEAST_PACKED = 500
"""Bytes below which packing saves nothing."""

READ = (HttpMethod.GET, HttpMethod.HEAD)


class Asset(Struct, frozen=True):
    """A file as it is sent; `packed` is the same in gzip, where that is smaller. Of a text, Litestar adds
    the charset to the media type."""

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
    for name, value in READABLE_BY_ALL.items():
        answer.set_header(name, value)
    return answer


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    packed = gzip.compress(body, mtime=0)
    return Asset(
        body=body,
        packed=packed if LEAST_PACKED <= len(packed) < len(body) else None,
        media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        etag=hashlib.sha256(body).hexdigest()[:32],
    )


def _answer(asset: Asset, request: Request[Any, Any, Any]) -> Response[bytes]:
    is_packed = asset.packed is not None and _takes_gzip(request.headers.get("accept-encoding", ""))
    # Two representations, two tags: what one browser keeps packed, a cache must not give to another as plain.
    tag = f'"{asset.etag}-gzip"' if is_packed else f'"{asset.etag}"'
    headers = {"ETag": tag, "Cache-Control": "public, no-cache", "Vary": "Accept-Encoding"}
    if {tag, "*"} & _tags(request.headers.get("if-none-match", "")):
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    if is_packed and asset.packed is not None:
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, headers=headers, media_type=asset.media_type)
    return Response(asset.body, headers=headers, media_type=asset.media_type)


def _takes_gzip(header: str) -> bool:
    """Whether `Accept-Encoding` lets gzip in: by its name, else by `*`, and not with a weight of 0."""
    weights = {"*": 0.0}
    for coding in header.lower().split(","):
        name, _, parameter = coding.partition(";")
        weights[name.strip()] = _weight(parameter)
    return weights.get("gzip", weights["*"]) > 0


def _weight(parameter: str) -> float:
    """`q=0.5` is 0.5. Nothing is 1, and what can't be read is 0: plain is right for everybody."""
    name, _, value = parameter.partition("=")
    if not parameter.strip():
        return 1
    try:
        return float(value) if name.strip() == "q" else 0
    except ValueError:
        return 0


def _tags(header: str) -> set[str]:
    """What a browser has; `*` is anything. A proxy that packs or unpacks makes a tag a weak one."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
