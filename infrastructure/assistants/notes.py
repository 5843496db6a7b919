"""What is to be found out beside an answer's words: how a model is asked for it, and what of it is believed.

Details, suggestions, whether something is still to be told, and whether the visitor says goodbye.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from domain.assistant import Details, NeedsInfo, Prompt, Said, SessionComplete, Suggestions
from domain.persona import Persona
from domain.session import Turn
from infrastructure.assistants import details

MAX_SUGGESTIONS = 3
MAX_SUGGESTION_CHARS = 80
MAX_DETAIL_CHARS = 200

INSTRUCTIONS = f"""
You keep the notes of a conversation between a visitor of a website and {{name}}. ({{role}}.) Judge by the
visitor's last message, which {{name}} hasn't answered yet. Reply with one JSON object and nothing else:
- "details": what the visitor has said of themselves, copied as written, null where they haven't. By key,
  each as {{name}} would ask for it:
{{details}}
- "needs_info": true only if the visitor wants something for which a detail that isn't optional is unknown.
- "suggestions": up to {MAX_SUGGESTIONS} things that the visitor might like to say next, in the visitor's
  own language, each of at most {MAX_SUGGESTION_CHARS} characters.
- "session_complete": true only if the visitor says goodbye.
"""

T = TypeVar("T")
Json = dict[str, Any]
Messages = list[dict[str, str]]


class Notes:
    """What `persona` would note down of a conversation.

    `schema` says what the model's answer is to look like, as `response_format` of a chat completion.
    """

    def __init__(self, persona: Persona) -> None:
        self._persona = persona
        self._instructions = _instructions(persona)
        self.schema = _schema(persona)

    def request(self, prompt: Prompt, turns: Sequence[Turn]) -> Messages:
        """How a model is asked, `turns` being what was said before."""
        said = [f"{turn.role.title()}: {turn.text}" for turn in turns]
        known = [f"{key}: {value}" for key, value in prompt.details.items()] or ["nothing yet"]
        lines = ["# Known of the visitor", *known, "# Conversation", *said, f"Visitor: {prompt.text}"]
        return [
            {"role": "system", "content": self._instructions},
            {"role": "user", "content": "\n".join(lines)},
        ]

    def read(self, content: str, prompt: Prompt, turns: Sequence[Turn]) -> Iterator[Said]:
        """What a model has answered, as far as it can be believed. Raises msgspec.MsgspecError."""
        # Without the format, models like to wrap what they were asked for in fences and courtesies.
        report = msgspec.json.decode(content[content.find("{") : content.rfind("}") + 1], type=_Report)
        said = [turn.text for turn in turns if turn.role == "visitor"] + [prompt.text]
        # Only what the visitor did say goes on the record as a fact: small models like to make addresses up.
        found: dict[str, object] = _lenient(report.details, {})
        stated = {
            detail.key: value
            for detail in self._persona.details
            if (reported := _short(found.get(detail.key), MAX_DETAIL_CHARS))
            and (value := _stated(detail.key, reported, said))
        }
        offered: list[object] = _lenient(report.suggestions, [])
        suggestions = [text for each in offered if (text := _short(each, MAX_SUGGESTION_CHARS))]
        needs_info = _lenient(report.needs_info, False)
        if stated:
            yield Details(stated)
        yield NeedsInfo(needs_info)
        if suggestions:
            yield Suggestions(tuple(dict.fromkeys(suggestions))[:MAX_SUGGESTIONS])
        if _lenient(report.session_complete, False) and not needs_info:
            yield SessionComplete()


class _Report(Struct, frozen=True):
    """What the second request found out. Each part is read by itself: models err in one, not in all."""

    details: msgspec.Raw = msgspec.Raw(b"{}")
    needs_info: msgspec.Raw = msgspec.Raw(b"false")
    suggestions: msgspec.Raw = msgspec.Raw(b"[]")
    session_complete: msgspec.Raw = msgspec.Raw(b"false")


def _instructions(persona: Persona) -> str:
    details = [
        f"  - {detail.key}: {detail.label}{'' if detail.required else ' (optional)'}"
        for detail in persona.details
    ]
    return INSTRUCTIONS.strip().format(name=persona.name, role=persona.role, details="\n".join(details))


def _schema(persona: Persona) -> Json:
    properties: Json = {
        "details": _object({detail.key: {"type": ["string", "null"]} for detail in persona.details}),
        "needs_info": {"type": "boolean"},
        "suggestions": {"type": "array", "items": {"type": "string"}},
        "session_complete": {"type": "boolean"},
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "notes", "strict": True, "schema": _object(properties)},
    }


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _lenient(raw: msgspec.Raw, otherwise: T) -> T:
    """What was found, if it is of the right kind."""
    try:
        return msgspec.json.decode(raw, type=type(otherwise))
    except msgspec.MsgspecError:
        return otherwise


def _short(value: object, max_chars: int) -> str:
    """A text as it can be used, or none: half of an address helps nobody."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if len(text) <= max_chars else ""


def _stated(key: str, reported: str, said: Sequence[str]) -> str:
    """A detail as it goes on the record; nothing where it isn't the visitor's, in words of their own."""
    if key in details.CONTACTS:
        own = {value.casefold() for text in said for value in details.contacts(key, text)[0]}
        found, _ = details.contacts(key, reported)
        return next((value for value in found if value.casefold() in own), "")
    # Case, spaces and punctuation don't matter, but words do: "Ann" isn't in "I can not".
    letters = r"[\W_]*+".join(filter(str.isalnum, reported.casefold()))
    words = re.compile(rf"(?<![^\W_]){letters}(?![^\W_])")
    return reported if letters and words.search(" ".join(said).casefold()) else ""
