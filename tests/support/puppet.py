"""An assistant on strings: a message says what is to be answered, and the test when it goes on."""

import asyncio
from collections.abc import AsyncGenerator

from domain.assistant import (
    AssistantFailed,
    Details,
    NeedsInfo,
    Prompt,
    Said,
    SessionComplete,
    Suggestions,
    Text,
)
from tests.support.waiting import until


class Puppet:
    """Says the words of a message back, one by one. Some of them are strings to pull instead:

    `|name` waits until the test calls `go_on(name)`, `!` fails, `!!` breaks, `key=value` has found a detail,
    `?text` suggests, `...` asks for more, `bye` ends the session; `text*1000` says a word many times.
    `go_on` may be called from any thread.
    """

    name = "puppet"

    def __init__(self) -> None:
        self._gone_on: set[str] = set()
        self.speaking = 0

    def go_on(self, name: str) -> None:
        self._gone_on.add(name)

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        self.speaking += 1
        try:
            for word in prompt.text.split(" "):
                for said in await self._said(word):
                    yield said
                    await asyncio.sleep(0)
        finally:
            self.speaking -= 1

    async def _said(self, word: str) -> list[Said]:
        if word == "!":
            raise AssistantFailed("upstream_error")
        if word == "!!":
            raise RuntimeError(f"broke on {word}")
        if word == "bye":
            return [Text(word), SessionComplete()]
        if word == "...":
            return [NeedsInfo(True)]
        if word.startswith("|"):
            await until(lambda: word[1:] in self._gone_on, f"the test to go on at {word}")
            return []
        if word.startswith("?"):
            return [Suggestions((word[1:], "Or this?"))]
        text, _, times = word.partition("*")
        if times.isdecimal():
            return [Text(f"{text}{number} ") for number in range(int(times))]
        key, _, value = word.partition("=")
        return [Details({key: value})] if value else [Text(word + " ")]
