"""Reads a persona and its knowledge from the files that whoever runs the service has written.

Everything that could go wrong in a conversation because of them is found here, before the first
one, and told in one line: the file, the place in it, and what would be right.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from msgspec import ValidationError, convert, structs

from domain.knowledge import Entry, Knowledge
from domain.persona import Avatar, Persona

T = TypeVar("T")

PICTURES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}

MOST_PICTURE_BYTES = 262_144


class PersonaError(Exception):
    """A persona can't be used as it is written. `str()` of it is one line for whoever wrote it."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(f"{path}: {text}")


def load_persona(path: Path) -> tuple[Persona, Knowledge]:
    """The persona in a file, with the knowledge in the file that it names beside it. Raises PersonaError."""
    persona = _convert(path, "", _read(path), Persona)
    _refuse(path, _wrong_in_persona(persona))
    if not persona.knowledge:
        knowledge_path, knowledge = path, Knowledge()
    else:
        knowledge_path = path.parent / persona.knowledge
        knowledge = _knowledge(knowledge_path)
    ids = [entry.id for entry in knowledge.entries]
    _refuse(path, (f"suggestions: {_unknown(it, ids)}" for it in persona.suggestions if it not in ids))
    _refuse(knowledge_path, _wrong_in_knowledge(knowledge, ids))
    return persona, knowledge


def load_avatar(path: Path, persona: Persona) -> Avatar | None:
    """The picture in the file that a persona names beside its own. Raises PersonaError."""
    if not persona.avatar:
        return None
    picture = path.parent / persona.avatar
    media_type = PICTURES.get(picture.suffix)
    if media_type is None:
        raise PersonaError(picture, f"a picture's name must end with one of {', '.join(PICTURES)}")
    image = _bytes(picture)
    if len(image) > MOST_PICTURE_BYTES:
        raise PersonaError(picture, f"has {len(image)} bytes; a picture may have {MOST_PICTURE_BYTES}")
    return Avatar(image, media_type)


# --- reading


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_bytes(path).decode())
    except UnicodeDecodeError:
        raise PersonaError(path, "is not UTF-8 text, which TOML has to be") from None
    except tomllib.TOMLDecodeError as error:
        raise PersonaError(path, f"is not valid TOML: {error}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PersonaError(path, f"can't be read: {error.strerror or error}") from None


def _knowledge(path: Path) -> Knowledge:
    raw = _read(path)
    # One by one, since msgspec names the field that is wrong, and of the entry only its number.
    tables = raw.get("entry", [])
    if isinstance(tables, list):
        for number, table in enumerate(tables, 1):
            _convert(path, _place(number, table), table, Entry)
    return _convert(path, "", raw, Knowledge)


def _place(number: int, table: object) -> str:
    name = table.get("id") if isinstance(table, Mapping) else None
    return f"entry {number} ({name!r}): " if name else f"entry {number}: "


def _convert(path: Path, place: str, raw: object, to: type[T]) -> T:
    try:
        return convert(raw, to)
    except ValidationError as error:
        raise PersonaError(path, f"{place}{error}") from None


# --- checking


def _refuse(path: Path, wrongs: Iterable[str]) -> None:
    if wrong := next(iter(wrongs), None):
        raise PersonaError(path, wrong)


def _wrong_in_persona(persona: Persona) -> Iterator[str]:
    yield from _blank("", persona, ("name", "role", "greeting", "instructions"))
    yield from _blank("texts.", persona.texts, persona.texts.__struct_fields__)
    for detail in persona.details:
        yield from _blank(f"details {detail.key!r}: ", detail, ("key", "label"))
    for key in _repeated(detail.key for detail in persona.details):
        yield f"details: the key {key!r} is there twice; each detail needs one of its own"
    if "{missing}" not in persona.texts.quote_ask:
        yield "texts.quote_ask: lacks {missing}, where what is still needed is filled in"
    required = [detail.key for detail in persona.details if detail.required]
    if "{name}" in persona.texts.quote_ready and "name" not in required:
        yield "texts.quote_ready: {name} can be filled in only if a detail with the key 'name' is required"


def _wrong_in_knowledge(knowledge: Knowledge, ids: list[str]) -> Iterator[str]:
    for repeated in _repeated(ids):
        yield f"entry {repeated!r}: the id is there twice; each entry needs one of its own"
    for number, entry in enumerate(knowledge.entries, 1):
        place = _place(number, structs.asdict(entry))
        yield from _blank(place, entry, ("id", "question", "answer", "source"))
        if not all(phrase.strip() for phrase in entry.also):
            yield f"{place}also: a phrase is blank; write what a visitor might ask, or leave it out"
        if entry.id in entry.next:
            yield f"{place}next: an entry can't lead to itself"
        yield from (f"{place}next: {_unknown(it, ids)}" for it in entry.next if it not in ids)
    for question in _repeated(entry.question.strip().casefold() for entry in knowledge.entries):
        yield f"the question {question!r} is there twice; a question has one answer"
    words = list(chain.from_iterable(knowledge.alike))
    yield from (f"alike: {word!r} is not one word; only these can be alike" for word in words if " " in word)
    yield from (f"alike: {word!r} is there twice; a word belongs to one group" for word in _repeated(words))


def _blank(place: str, struct: object, fields: Iterable[str]) -> Iterator[str]:
    for name in fields:
        if not getattr(struct, name).strip():
            yield f"{place}{name}: is blank; it needs a text"


def _repeated(values: Iterable[str]) -> Iterator[str]:
    return (value for value, count in Counter(values).items() if count > 1)


def _unknown(id: str, ids: list[str]) -> str:
    near = get_close_matches(id, ids, 1)
    return f"no entry has the id {id!r}" + (f"; did you mean {near[0]!r}?" if near else "")
