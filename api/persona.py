"""Whom visitors talk to, for pages that introduce the assistant before anything was said."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from msgspec import Struct

from api.errors import problems
from api.origins import from_allowed_origin
from domain.knowledge import Knowledge
from domain.persona import Avatar, Persona

AVATAR_PATH = "/api/chats/persona/avatar/"

HOUR = {"Cache-Control": "public, max-age=3600"}


class PersonaView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The assistant. `suggestions` are questions to begin with, `max_message_chars` is how long one may be,
    and `avatar` is the path of a picture, if there is one."""

    name: str
    role: str
    greeting: str
    suggestions: Sequence[str]
    max_message_chars: int
    avatar: str | None = None


def persona_view(
    persona: Persona, knowledge: Knowledge, avatar: Avatar | None, max_message_chars: int
) -> PersonaView:
    """What visitors may know of a persona."""
    questions = {entry.id: entry.question for entry in knowledge.entries}
    return PersonaView(
        name=persona.name,
        role=persona.role,
        greeting=persona.greeting,
        suggestions=[questions[chosen] for chosen in persona.suggestions],
        max_message_chars=max_message_chars,
        avatar=AVATAR_PATH if avatar else None,
    )


@get(
    "/api/chats/persona/",
    tags=["Chat"],
    guards=[from_allowed_origin],
    responses=problems(403),
    operation_id="getPersona",
    sync_to_thread=False,
)
def show_persona(persona: NamedDependency[PersonaView]) -> Response[PersonaView]:
    """Whom visitors talk to."""
    return Response(persona, headers=HOUR)


@get(AVATAR_PATH, include_in_schema=False, sync_to_thread=False)
def show_avatar(avatar: NamedDependency[Avatar | None]) -> Response[Any]:
    """The assistant's picture."""
    if avatar is None:
        raise NotFoundException
    return Response(avatar.image, media_type=avatar.media_type, headers=HOUR)
