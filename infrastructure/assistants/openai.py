"""Any OpenAI-compatible server as an assistant.

The words come from one streamed chat completion. Beside it, from the moment the message arrives, a
second request asks for all else that is to be found out. That one may fail, and once the words have
ended it is waited for only briefly.

    answer
    ├── _speak           the words: asks again as long as none has come
    │   └── _listen        one request, each wait within its time limit
    │       └── _Reply       the bytes of its stream, read as text
    └── _insight         beside them: details, needs_info, suggestions, completion

Whatever goes wrong leaves here as AssistantFailed with a code. What the server said, its address and
the key don't: neither into the log nor along the chain of exceptions.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from email.utils import parsedate_to_datetime
from itertools import dropwhile, groupby
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from openai import (
    APIStatusError,
    AsyncOpenAI,
    AsyncStream,
    BadRequestError,
    DefaultAioHttpClient,
    OpenAIError,
    UnprocessableEntityError,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from domain.assistant import (
    AssistantFailed,
    Details,
    Finished,
    NeedsInfo,
    Prompt,
    Said,
    SessionComplete,
    Suggestions,
    Text,
)
from domain.events import FinishReason, Usage
from domain.persona import Persona
from domain.session import Turn
from infrastructure.assistants import details
from infrastructure.assistants.ranking import Ranking

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.25
"""How long to wait before asking again where the server doesn't say; doubled each time."""

HEAD_START_SECONDS = 0.01
"""How much earlier the words are asked for than what goes beside them: making that request takes a while."""

DRAIN_SECONDS = 0.1
"""How long a stream that has said `[DONE]` may take to end: its connection can then be used again."""

MAX_LINE_BYTES = 1_000_000
MAX_NOTES = 3
MAX_SUGGESTIONS = 3
MAX_SUGGESTION_CHARS = 80
MAX_DETAIL_CHARS = 200

T = TypeVar("T")
Json = dict[str, Any]
Messages = list[dict[str, str]]


class Limits(Struct, frozen=True):
    """How long, how much and how often. `insight_seconds` count from the end of the words."""

    first_word_seconds: float = 20
    between_words_seconds: float = 15
    total_seconds: float = 120
    insight_seconds: float = 2
    history_turns: int = 20
    max_retries: int = 2


USUAL_LIMITS = Limits()


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
        self._report_instructions = _report_instructions(persona)
        self._report_format = _report_format(persona)
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
        patience = _Patience(self._limits)
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

    async def _speak(self, prompt: Prompt, patience: "_Patience") -> AsyncGenerator[Text | Finished, None]:
        messages = self._messages(prompt)
        for attempt in range(self._limits.max_retries + 1):
            try:
                async with aclosing(self._listen(messages, patience)) as words:
                    async for said in words:
                        yield said
                return
            except _Passing as failure:
                pause = FIRST_PAUSE_SECONDS * 2**attempt if failure.pause is None else failure.pause
                if patience.spoken or attempt == self._limits.max_retries or pause >= patience.left:
                    raise
            await asyncio.sleep(pause)

    async def _listen(
        self, messages: Messages, patience: "_Patience"
    ) -> AsyncGenerator[Text | Finished, None]:
        reply = _Reply()
        stream = await patience.wait_for(self._request(messages))
        # The library's own reading of the stream builds a tree of pydantic models for each delta: 106 µs of
        # CPU where this takes 19, and 220 against 95 where each arrives by itself.
        async with stream, aclosing(stream.response.aiter_bytes()) as chunks:
            try:
                data = b"\n"
                while data:
                    data = await patience.wait_for(_next(chunks))
                    for text in reply.read(data or b"\n"):
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
            raise _Passing("upstream_error")
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
            raise _failure(error) from None

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

    def _notes(self, prompt: Prompt) -> str:
        """The entries of the knowledge that come closest to the message: the whole of it is too long."""
        if self._ranking is None:
            return ""
        nearest = self._ranking.rank([prompt.text]).nearest[:MAX_NOTES]
        return "\n\n".join(f"{entry.question}\n{entry.answer}" for entry in nearest)

    def _messages(self, prompt: Prompt) -> Messages:
        instructions = self._persona.instructions.strip()
        if prompt.details:
            known = "\n".join(f"- {key}: {value}" for key, value in prompt.details.items())
            instructions += f"\n\nWhat the visitor has told you of themselves:\n{known}"
        turns = [*self._history(prompt), Turn("visitor", prompt.text, version=0)]
        if notes := self._notes(prompt):
            instructions += f"\n\nYour knowledge on what was just asked:\n{notes}"
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
        try:
            await asyncio.sleep(HEAD_START_SECONDS)
            report = await self._report(prompt)
            return list(self._findings(prompt, report))
        except Exception as error:
            # Nobody misses it so much that the words should suffer, whatever it was.
            logger.info("%s found nothing out: %s", self.name, type(error).__qualname__)
            return []

    async def _report(self, prompt: Prompt) -> "_Report":
        said = [f"{turn.role.title()}: {turn.text}" for turn in self._history(prompt)]
        known = [f"{key}: {value}" for key, value in prompt.details.items()] or ["nothing yet"]
        notes = ["# Known of the visitor", *known, "# Conversation", *said, f"Visitor: {prompt.text}"]
        completion = await self._complete(
            {
                "messages": [
                    {"role": "system", "content": self._report_instructions},
                    {"role": "user", "content": "\n".join(notes)},
                ]
            },
            {"response_format": self._report_format},
            lambda body: self._client.post("/chat/completions", cast_to=ChatCompletion, body=body),
        )
        content = completion.choices[0].message.content or ""
        # Without the format, models like to wrap what they were asked for in fences and courtesies.
        return msgspec.json.decode(content[content.find("{") : content.rfind("}") + 1], type=_Report)

    def _findings(self, prompt: Prompt, report: "_Report") -> Iterator[Said]:
        said = [turn.text for turn in self._history(prompt) if turn.role == "visitor"] + [prompt.text]
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


# --- time


class _Patience:
    """Until when what comes next is waited for, and which limit it is that would be passed.

    Keep-alives don't count: only words put the limit off, from the moment they have been taken.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._time = asyncio.get_running_loop().time
        self._end = self._time() + limits.total_seconds
        self._ended = False
        self._drain_until = self._end
        self.spoken = False
        self._allow(limits.first_word_seconds, "timeout_first_word")

    @property
    def left(self) -> float:
        return max(0.0, self._until - self._time())

    def heard(self) -> None:
        self.spoken = True
        self._allow(self._limits.between_words_seconds, "timeout_between_words")

    def words_ended(self) -> None:
        """From now on only the usage and the insight are waited for, together."""
        if not self._ended:
            self._ended = True
            self._allow(self._limits.insight_seconds, "timeout_after_words")

    def all_read(self) -> None:
        self._drain_until = min(self._drain_until, self._time() + DRAIN_SECONDS)

    async def wait_for(self, awaited: Awaitable[T]) -> T:
        """Raises AssistantFailed when it takes too long."""
        try:
            async with asyncio.timeout_at(min(self._until, self._drain_until)):
                return await awaited
        except TimeoutError:
            raise AssistantFailed(self._reason) from None

    def _allow(self, seconds: float, reason: str) -> None:
        self._until, self._reason = min((self._time() + seconds, reason), (self._end, "timeout_total"))


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


# --- failures


class _Passing(AssistantFailed):
    """A failure that may pass: it's worth asking again, after so many seconds if the server said so."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def _failure(error: OpenAIError) -> AssistantFailed:
    if not isinstance(error, APIStatusError):
        return _Passing("upstream_error")
    status, headers = error.status_code, error.response.headers
    reason = "upstream_rejected" if 400 <= status < 500 else "upstream_error"
    if status == 429:
        reason = "rate_limited"
    passes = status in (408, 409, 429) or status >= 500
    # An account without credit is told so with a 429 that no wait will cure.
    if not passes or error.code == "insufficient_quota" or headers.get("x-should-retry") == "false":
        return AssistantFailed(reason)
    return _Passing(reason, _pause(headers.get("retry-after", ""), headers.get("date", "")))


def _pause(retry_after: str, date: str) -> float | None:
    """The seconds that a Retry-After asks for. A point in time counts by the server's own clock."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - parsedate_to_datetime(date)).total_seconds()
        except (TypeError, ValueError):
            return None
    return seconds if seconds >= 0 else None


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """The next bytes; none at the end."""
    try:
        return await anext(chunks, b"")
    except Exception:
        # Here the library lets the errors of its transport through, and which that is, is its own affair.
        raise _Passing("upstream_error") from None


# --- what a server sends


class _Delta(Struct, frozen=True):
    content: str | None = None


class _Choice(Struct, frozen=True):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(Struct, frozen=True):
    choices: tuple[_Choice, ...] | None = None
    usage: object = None
    error: object = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class _Reply:
    """A stream of server-sent events, read as text. `ended` says that its words are whole, `done` that
    nothing at all is to follow."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self.ended = False
        self.done = False
        self.reason: FinishReason = "stop"
        self.usage: Usage | None = None

    def read(self, data: bytes) -> Iterator[str]:
        """The pieces of text that these bytes complete. Raises AssistantFailed, after the pieces before."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise AssistantFailed("garbage")
        for line in lines:
            if line.startswith(b"data:"):
                if text := self._event(line[5:].strip()):
                    yield text
            elif line.startswith(b"error:"):
                raise _Passing("upstream_error")
            elif line.strip() and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                raise AssistantFailed("garbage")

    def _event(self, data: bytes) -> str:
        if data == b"[DONE]":
            self.ended = self.done = True
        if self.done or not data:
            return ""
        try:
            chunk = _decode_chunk(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise AssistantFailed("garbage") from None
        if chunk.error:
            raise _Passing("upstream_error")
        if chunk.usage:
            self.usage = _usage(chunk.usage)
        return self._text(chunk.choices[0]) if chunk.choices else ""

    def _text(self, choice: _Choice) -> str:
        if reason := choice.finish_reason:
            self.ended = True
            self.reason = reason if reason in ("length", "content_filter") else "stop"
        text = choice.delta.content if choice.delta else None
        if not text or self._begun:
            return text or ""
        # Blank lines before the first word are no word: a time limit waits for one.
        text = text.lstrip()
        self._begun = bool(text)
        return text


def _usage(counted: object) -> Usage | None:
    try:
        return msgspec.convert(counted, Usage)
    except msgspec.ValidationError:
        return None


# --- what is to be found out


class _Report(Struct, frozen=True):
    """What the second request found out. Each part is read by itself: models err in one, not in all."""

    details: msgspec.Raw = msgspec.Raw(b"{}")
    needs_info: msgspec.Raw = msgspec.Raw(b"false")
    suggestions: msgspec.Raw = msgspec.Raw(b"[]")
    session_complete: msgspec.Raw = msgspec.Raw(b"false")


_REPORT_INSTRUCTIONS = f"""
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


def _report_instructions(persona: Persona) -> str:
    details = [
        f"  - {detail.key}: {detail.label}{'' if detail.required else ' (optional)'}"
        for detail in persona.details
    ]
    return _REPORT_INSTRUCTIONS.strip().format(
        name=persona.name, role=persona.role, details="\n".join(details)
    )


def _report_format(persona: Persona) -> Json:
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
