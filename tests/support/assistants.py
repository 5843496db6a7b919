"""Assistants that do just what a test tells them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from domain.assistant import AssistantFailed, Prompt, Said, Text


class Scripted:
    """Says what it was given, for every message: texts, findings, failures, and pauses.

    A pause is an `asyncio.Event`: it goes on once the test has set it.
    """

    name = "scripted"

    def __init__(self, *script: Said | AssistantFailed | asyncio.Event | str) -> None:
        self.script = script
        self.prompts: list[Prompt] = []
        self.closed = 0

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        self.prompts.append(prompt)
        try:
            for item in self.script:
                match item:
                    case asyncio.Event():
                        await item.wait()
                    case AssistantFailed():
                        raise item
                    case str():
                        yield Text(item)
                    case _:
                        yield item
        finally:
            self.closed += 1


class Echo:
    """Says back what it is told, word by word, as fast as it is listened to."""

    name = "echo"

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        for word in words(f"You said: {prompt.text}"):
            yield Text(word)
            await asyncio.sleep(0)


def words(text: str) -> Sequence[str]:
    """A text as an assistant might deliver it."""
    return [word + " " for word in text.split(" ")]
