"""What an assistant is made with for a test, and all that it says."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from domain.assistant import (
    AssistantFailed,
    Prompt,
    Said,
    Text,
)
from domain.persona import Detail, Persona, Texts
from infrastructure.assistants.openai import OpenAIAssistant
from infrastructure.assistants.patience import Limits

KEY = "sk-a-key-that-nobody-may-see"

PERSONA = Persona(
    name="Alex",
    role="A guide",
    greeting="Hi!",
    instructions="You are Alex.",
    texts=Texts(**dict.fromkeys(Texts.__struct_fields__, "...")),
    details=(
        Detail("name", "your name"),
        Detail("email", "your email address"),
        Detail("phone", "a phone number", required=False),
    ),
)

LIMITS = Limits(first_word_seconds=5, between_words_seconds=5, total_seconds=10, insight_seconds=2)

MakeAssistant = Callable[..., OpenAIAssistant]


class Heard:
    """All that an assistant said to a message, and how it failed."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.failure: AssistantFailed | None = None

    @property
    def pieces(self) -> list[str]:
        return [said.text for said in self.said if isinstance(said, Text)]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reason(self) -> str | None:
        return self.failure.reason if self.failure else None

    def found(self, kind: type[Said]) -> list[Said]:
        return [said for said in self.said if isinstance(said, kind)]


async def hear(assistant: OpenAIAssistant, prompt: Prompt | str = "Hello") -> Heard:
    heard = Heard()
    prompt = Prompt(prompt) if isinstance(prompt, str) else prompt
    try:
        async with aclosing(assistant.answer(prompt)) as stream:
            async for said in stream:
                heard.said.append(said)
    except AssistantFailed as failure:
        heard.failure = failure
    return heard


def finding_out() -> bool:
    """Whether an assistant is busy beside its words."""
    return any("_insight" in repr(task.get_coro()) for task in asyncio.all_tasks())
