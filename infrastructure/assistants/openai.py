"""Any OpenAI-compatible server as an assistant.

The words come from one streamed chat completion. Beside it, from the moment the message arrives, a
second request asks for all else that is to be found out. That one may fail, and once the words have
ended it is waited for only briefly.

    answer
    ├── _speak                     the words: asks again as long as none has come
    │   └── _listen                  one request, each wait within its time limit
    │       └── CompletionStream       the bytes of its stream, read as text
    └── _insight                   beside them, notes: details, needs_info, suggestions, completion

Whatever goes wrong leaves here as AssistantFailed with a code. What the server said, its address and
the key don't: neither into the log nor along the chain of exceptions.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from itertools import dropwhile, groupby
from typing import Any, TypeVar

from openai import (
    AsyncOpenAI,
    AsyncStream,
    BadRequestError,
    DefaultAioHttpClient,
    OpenAIError,
    UnprocessableEntityError,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from domain.assistant import AssistantFailed, Finished, Prompt, Said, Text
from domain.persona import Persona
from domain.session import Turn
from infrastructure.assistants.completion_stream import CompletionStream
from infrastructure.assistants.failures import Passing, failure_of
from infrastructure.assistants.notes import Json, Messages, Notes
from infrastructure.assistants.patience import USUAL_LIMITS, Limits, Patience
from infrastructure.assistants.ranking import Ranking

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.25
"""How long to wait before asking again where the server doesn't say; doubled each time."""

HEAD_START_SECONDS = 0.01
"""How much earlier the words are asked for than what goes beside them: making that request takes a while."""

MAX_ENTRIES = 3
"""Of the knowledge, so many go with a message."""

T = TypeVar("T")


class OpenAIAssistant:
    """Speaks as `persona` with the words of `model`, told what `ranking` finds on the message.

    An empty `api_key` is for servers that want none.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        model: str,
        persona: Persona,
        ranking: Ranking | None = None,
        limits: Limits = USUAL_LIMITS,
    ) -> None:
        self.name = f"openai:{model}"
        self._model = model
        self._persona = persona
        self._ranking = ranking
        self._limits = limits
        self._notes = Notes(persona)
        self._rejected: set[str] = set()
        # Retries and time limits are ours. The library would sleep through a Retry-After of two minutes
        # while the visitor waits, can't tell a word from a keep-alive, and lets a broken stream be.
        self._client = AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            timeout=None,
            max_retries=0,
            http_client=DefaultAioHttpClient(timeout=None),  # half the CPU of the library's usual transport
        )

    async def close(self) -> None:
        """Close the connections that are kept for the next answers."""
        await self._client.close()

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        """Stream the answer to one message. Raises AssistantFailed."""
        patience = Patience(self._limits)
        finished, failure = Finished(), None
        speech = self._speak(prompt, patience)
        async with _beside(self._insight(prompt)) as insight, aclosing(speech) as words:
            try:
                async for said in words:
                    if isinstance(said, Finished):
                        finished = said
                    else:
                        yield said
                await asyncio.wait([insight], timeout=patience.left)
            except AssistantFailed as error:
                failure = error.reason
            # What was found out stays, even if the words broke off.
            for said in insight.result() if insight.done() else ():
                yield said
        if failure:
            # Raised out here, it has no context: the library's errors hold the request, and so the key.
            logger.info("%s failed: %s", self.name, failure)
            raise AssistantFailed(failure)
        yield finished

    # --- the words

    async def _speak(self, prompt: Prompt, patience: Patience) -> AsyncGenerator[Text | Finished, None]:
        messages = self._messages(prompt)
        for attempt in range(self._limits.max_retries + 1):
            try:
                async with aclosing(self._listen(messages, patience)) as words:
                    async for said in words:
                        yield said
                return
            except Passing as failure:
                pause = FIRST_PAUSE_SECONDS * 2**attempt if failure.pause is None else failure.pause
                if patience.spoken or attempt == self._limits.max_retries or pause >= patience.left:
                    raise
            await asyncio.sleep(pause)

    async def _listen(self, messages: Messages, patience: Patience) -> AsyncGenerator[Text | Finished, None]:
        reply = CompletionStream()
        stream = await patience.wait_for(self._request(messages))
        async with stream, aclosing(stream.response.aiter_bytes()) as chunks:
            try:
                data = b"\n"
                while data:
                    data = await patience.wait_for(_next(chunks))
                    for text in reply.read(data):
                        yield Text(text)
                        patience.heard()
                    if reply.ended:
                        patience.words_ended()
                    if reply.done:
                        patience.all_read()
            except AssistantFailed:
                # Once the words are whole, nothing but the usage can be missing.
                if not reply.ended:
                    raise
        if not reply.ended:
            raise Passing("upstream_error")
        if not patience.spoken:
            raise AssistantFailed("empty")
        yield Finished(reply.reason, reply.usage)

    async def _request(self, messages: Messages) -> AsyncStream[ChatCompletionChunk]:
        try:
            return await self._complete(
                {"messages": messages, "stream": True},
                {"stream_options": {"include_usage": True}},
                # `chat.completions.create` looks at each message through its TypedDict, again and again: 6 ms
                # of CPU for a request with 20 turns, where this takes 1.5.
                lambda body: self._client.post(
                    "/chat/completions",
                    cast_to=ChatCompletionChunk,
                    body=body,
                    stream=True,
                    stream_cls=AsyncStream[ChatCompletionChunk],
                ),
            )
        except OpenAIError as error:
            raise failure_of(error) from None

    async def _complete(self, body: Json, option: Json, post: Callable[[Json], Awaitable[T]]) -> T:
        """Some servers reject what they don't know: asks again without it, and remembers if that helped."""
        body = {"model": self._model, **body}
        if self._rejected.isdisjoint(option):
            try:
                return await post(body | option)
            except (BadRequestError, UnprocessableEntityError):
                pass
        completion = await post(body)
        self._rejected.update(option)
        return completion

    def _knowledge(self, prompt: Prompt) -> str:
        """The entries of the knowledge that come closest to the message: the whole of it is too long."""
        if self._ranking is None:
            return ""
        nearest = self._ranking.rank([prompt.text]).nearest[:MAX_ENTRIES]
        return "\n\n".join(f"{entry.question}\n{entry.answer}" for entry in nearest)

    def _messages(self, prompt: Prompt) -> Messages:
        instructions = self._persona.instructions.strip()
        if prompt.details:
            known = "\n".join(f"- {key}: {value}" for key, value in prompt.details.items())
            instructions += f"\n\nWhat the visitor has told you of themselves:\n{known}"
        turns = [*self._history(prompt), Turn("visitor", prompt.text, version=0)]
        if knowledge := self._knowledge(prompt):
            instructions += f"\n\nYour knowledge on what was just asked:\n{knowledge}"
        messages = [{"role": "system", "content": instructions}]
        # Many models' templates refuse a conversation that the assistant begins, or in which one side speaks
        # twice: as it does where a reply failed, or where a message came before the last was answered.
        from_visitor = dropwhile(lambda turn: turn.role == "assistant", turns)
        for role, said in groupby(from_visitor, lambda turn: turn.role):
            text = "\n\n".join(turn.text for turn in said)
            messages.append({"role": "user" if role == "visitor" else "assistant", "content": text})
        return messages

    def _history(self, prompt: Prompt) -> tuple[Turn, ...]:
        return prompt.turns[-self._limits.history_turns :] if self._limits.history_turns else ()

    # --- beside them

    async def _insight(self, prompt: Prompt) -> list[Said]:
        turns = self._history(prompt)
        try:
            await asyncio.sleep(HEAD_START_SECONDS)
            completion = await self._complete(
                {"messages": self._notes.request(prompt, turns)},
                {"response_format": self._notes.schema},
                lambda body: self._client.post("/chat/completions", cast_to=ChatCompletion, body=body),
            )
            content = completion.choices[0].message.content or ""
            return list(self._notes.read(content, prompt, turns))
        except Exception as error:
            # Nobody misses it so much that the words should suffer, whatever it was.
            logger.info("%s found nothing out: %s", self.name, type(error).__qualname__)
            return []


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, T]) -> AsyncGenerator[asyncio.Task[T], None]:
    """Work that goes on beside the block and no longer than it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        # Its connection is closed when this returns, not some time after.
        await asyncio.wait([task])


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """The next bytes; none at the end."""
    try:
        return await anext(chunks, b"")
    except Exception:
        # Here the library lets the errors of its transport through, and which that is, is its own affair.
        raise Passing("upstream_error") from None
