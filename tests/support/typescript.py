"""The types of the browser's client, made from the structs that encode and decode the frames.

`python -m tests.support.typescript` writes them into `web/client/src/frames.ts`.
"""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from api import frames
from api.errors import CODES, Problem
from api.sessions import NewSession, SessionView
from api.sockets import SUBPROTOCOL
from domain.errors import ChatError
from infrastructure.settings import read_settings

MODULE = Path(__file__).parents[2] / "web" / "client" / "src" / "frames.ts"

HEAD = """\
// The frames of the socket and the bodies of the HTTP API, as the service itself describes them.
// Made by `python -m tests.support.typescript`: don't edit.
"""

PARTS = "#/components/schemas/"
NAMES = {"Error": "ErrorFrame", "Message": "MessageFrame"}
"""What would be mistaken for something else in TypeScript."""

Schema = Mapping[str, Any]


def _name(schema: str) -> str:
    return NAMES.get(schema, schema)


def module() -> str:
    """The whole of `frames.ts`."""
    return "\n".join([HEAD, *_types(), *_unions(), *_codes(), *_limits()])


def _types() -> Iterator[str]:
    sent, received = frames.Sent.__args__, frames.Received.__args__
    everything = (*sent, *received, NewSession, SessionView, Problem)
    _, schemas = msgspec.json.schema_components(everything, ref_template=PARTS + "{name}")
    is_ours = {struct.__name__ for struct in (*received, NewSession)}
    for name, schema in schemas.items():
        yield from _interface(name, schema, takes_null=name in is_ours)


def _interface(name: str, schema: Schema, *, takes_null: bool) -> Iterator[str]:
    if about := inspect.cleandoc(schema.get("description", "")):
        yield _comment(about)
    yield f"export interface {_name(name)} {{"
    for field, value in schema["properties"].items():
        optional = "" if field in schema.get("required", ()) else "?"
        yield f"  {field}{optional}: {_type(value, takes_null=takes_null)};"
    yield "}\n"


def _type(schema: Schema, *, takes_null: bool) -> str:
    if "$ref" in schema:
        return _name(schema["$ref"].removeprefix(PARTS))
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    if "anyOf" in schema:
        # What the service has nothing to say of, it leaves out.
        choices = [each for each in schema["anyOf"] if takes_null or each.get("type") != "null"]
        return " | ".join(_type(each, takes_null=takes_null) for each in choices)
    match schema["type"]:
        case "array":
            return f"readonly {_type(schema['items'], takes_null=takes_null)}[]"
        case "object":
            return f"Readonly<Record<string, {_type(schema['additionalProperties'], takes_null=takes_null)}>>"
        case "integer":
            return "number"
        case simple:
            return str(simple)


def _unions() -> Iterator[str]:
    yield _union("What the service sends.", "ServerFrame", frames.Sent.__args__)
    yield _union("What has a place in the session's log.", "PlacedFrame", frames.FromLog.__args__)
    yield _union("What the service takes.", "ClientFrame", frames.Received.__args__)
    yield "/** The subprotocol that asks for `message` and `accepted`, too. */"
    yield _constant("SUBPROTOCOL", SUBPROTOCOL)


def _union(about: str, name: str, structs: Sequence[type]) -> str:
    names = " | ".join(_name(struct.__name__) for struct in structs)
    return f"/** {about} */\nexport type {name} = {names};\n"


def _codes() -> Iterator[str]:
    codes = sorted({"reply_interrupted", *CODES.values(), *_codes_of(ChatError)})
    yield "/** What `metadata.code` of an error, and `code` of a problem, may be. More may come. */"
    yield f"export type ErrorCode = {' | '.join(map(json.dumps, codes))} | (string & {{}});\n"


def _codes_of(kind: type[ChatError]) -> Iterator[str]:
    if kind.__module__.startswith(("domain.", "api.")):
        yield kind.code
    for each in kind.__subclasses__():
        yield from _codes_of(each)


def _limits() -> Iterator[str]:
    settings = read_settings({})
    limits = {
        "messageChars": settings.max_message_chars,
        "messagesPerMinute": settings.messages_per_minute,
    }
    yield "/** What the service accepts, unless its settings say otherwise. Characters are code points. */"
    yield _constant("LIMITS", limits)


def _constant(name: str, value: object) -> str:
    return f"export const {name} = {json.dumps(value)};\n"


def _comment(text: str) -> str:
    lines = text.splitlines()
    if len(lines) == 1:
        return f"/** {text} */"
    return "\n".join(["/**", *(f" * {line}".rstrip() for line in lines), " */"])


if __name__ == "__main__":
    MODULE.write_text(module())
