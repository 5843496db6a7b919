"""An assistant's character as data: its name, instructions, what it collects, and its set phrases."""

from msgspec import Struct


class Detail(Struct, frozen=True, forbid_unknown_fields=True):
    """Something the assistant collects. `label` completes "I need ...": "your email address"."""

    key: str
    label: str
    required: bool = True


class Texts(Struct, frozen=True, forbid_unknown_fields=True):
    """Set phrases. `{missing}` in `quote_ask` and `{name}` in `quote_ready` are filled in."""

    idle_warning: str
    session_end: str
    greeting_reply: str
    thanks_reply: str
    goodbye: str
    unknown: str
    quote_ask: str
    quote_ready: str


class Avatar(Struct, frozen=True):
    """A persona's picture."""

    image: bytes
    media_type: str


class Persona(Struct, frozen=True, forbid_unknown_fields=True):
    """Who the visitor talks to. `suggestions` and `knowledge` refer to the knowledge file; `avatar` names a
    picture beside it."""

    name: str
    role: str
    greeting: str
    instructions: str
    texts: Texts
    details: tuple[Detail, ...] = ()
    suggestions: tuple[str, ...] = ()
    knowledge: str = ""
    avatar: str = ""
