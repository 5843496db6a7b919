"""What describes the API: OpenAPI with Swagger UI, served from our own files, and AsyncAPI for the socket.

Both are made from the very structs that encode and decode what is sent.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
)

from api import frames
from api.pages import STATIC

VERSION = "0.1.0"


class SwaggerPage(OpenAPIRenderPlugin):
    """Swagger UI. Not Litestar's page, which has a script in it: see `api/headers.py`."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return (STATIC / "docs.html").read_bytes()


OPENAPI = OpenAPIConfig(
    title="Verbatim",
    version=VERSION,
    description="Conversations in which every word is on the record before it is on the screen. "
    "The WebSocket is described by [AsyncAPI](/api/docs/asyncapi.json).",
    path="/api/docs",
    render_plugins=[SwaggerPage(path="/")],
    components=Components(
        security_schemes={
            "operatorToken": SecurityScheme(
                type="http",
                scheme="bearer",
                description="The operators' token",
            )
        }
    ),
)

OPERATOR: dict[str, list[str]] = {"operatorToken": []}
"""What operators' calls ask for."""


@dataclass
class OptionalBody(Operation):
    """An operation that can do without a body, where Litestar takes each for required."""

    def __post_init__(self) -> None:
        assert isinstance(self.request_body, RequestBody)
        self.request_body.required = False


def also_as(*media_types: str) -> type[Operation]:
    """An operation whose answer comes as text of other types, too, where it is asked for."""

    @dataclass
    class InManyForms(Operation):
        def __post_init__(self) -> None:
            answer = (self.responses or {})["200"]
            assert isinstance(answer, OpenAPIResponse)
            text = OpenAPIMediaType(Schema(type=OpenAPIType.STRING))
            answer.content = {**(answer.content or {}), **dict.fromkeys(media_types, text)}

    return InManyForms


@get("/api/docs/asyncapi.json", include_in_schema=False, sync_to_thread=False)
def asyncapi_document() -> Response[bytes]:
    """The socket's frames, as AsyncAPI 3.0."""
    return Response(msgspec.json.format(msgspec.json.encode(asyncapi()), indent=2), media_type=MediaType.JSON)


Frames = tuple[type[msgspec.Struct], ...]


@cache
def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document."""
    sent, received = frames.Sent.__args__, frames.Received.__args__
    replayed, authenticate = frames.FromLog.__args__, (frames.Authenticate,)
    everything = (*sent, *received, *authenticate)
    _, schemas = msgspec.json.schema_components(everything, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Verbatim chat socket",
            "version": VERSION,
            "description": "Text frames, each one JSON object whose `type` says what it is. "
            "The bare text `ping` is answered by `pong` too.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "chat": _channel("/ws/chat/", (*sent, *received), session_id=_ID, visitor_id=_ID, after=_AFTER),
            "replay": _channel(
                "/ws/replay/", (*replayed, *authenticate), session_id=_ID, speed=_SPEED, after=_AFTER
            )
            | {
                "description": "For operators: the frames that a session's visitors were sent, once more, "
                "with `metadata.replay`. The token comes as `Authorization: Bearer`, or in a first frame "
                "`authenticate` within ten seconds; without it, the socket is closed with 4401. It is closed "
                "with 1000 when the session has ended."
            },
        },
        "operations": {
            "receiveFromVisitor": _operation("receive", "chat", received),
            "sendToVisitor": _operation("send", "chat", sent),
            "receiveFromOperator": _operation("receive", "replay", authenticate),
            "sendToOperator": _operation("send", "replay", replayed),
        },
        "components": {
            "messages": {
                _tag(frame): {
                    "name": _tag(frame),
                    "summary": (frame.__doc__ or "").strip(),
                    "payload": {"$ref": f"#/components/schemas/{frame.__name__}"},
                }
                for frame in everything
            },
            "schemas": schemas,
        },
    }


_ID = {"type": "string", "format": "uuid"}
_AFTER = {"type": "string", "description": "a cursor: what follows it is sent"}
_SPEED = {
    "type": "string",
    "default": "1",
    "description": "1 for the original rhythm, a factor such as 0.5 or 10, or `max` for at once",
}


def _channel(address: str, messages: Frames, **query: dict[str, str]) -> dict[str, Any]:
    return {
        "address": address,
        "messages": {_tag(frame): {"$ref": f"#/components/messages/{_tag(frame)}"} for frame in messages},
        "bindings": {"ws": {"query": {"type": "object", "properties": query}}},
    }


def _operation(action: str, channel: str, messages: Frames) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{_tag(frame)}"} for frame in messages],
    }


def _tag(frame: type[msgspec.Struct]) -> str:
    return str(frame.__struct_config__.tag)
