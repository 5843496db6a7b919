"""OpenAIAssistant and a real model: whatever it says, it arrives word by word and is counted."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from domain.assistant import AssistantFailed, Details, Finished, NeedsInfo, Prompt, Suggestions, Text
from domain.persona import Detail, Persona, Texts
from domain.session import Turn
from infrastructure.assistants.openai import OpenAIAssistant
from infrastructure.assistants.patience import Limits

ROOT = Path(__file__).parents[2]
PERSONA = Persona(
    name="Alex",
    role="A friendly guide",
    greeting="Hi!",
    instructions="You are Alex, a friendly guide. Answer in one or two short sentences.",
    texts=Texts(**dict.fromkeys(Texts.__struct_fields__, "...")),
    details=(Detail("name", "your name"), Detail("email", "your email address")),
)
LIMITS = Limits(first_word_seconds=60, between_words_seconds=30, total_seconds=120, insight_seconds=60)


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a model that runs for these tests."""
    command = [sys.executable, "-m", "tests.support.model_server"]
    log = tmp_path_factory.mktemp("model") / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().decode().strip()
        if not address:
            pytest.fail(f"the model's server didn't start:\n{log.read_text(errors='replace')[-2000:]}")
        yield f"{address}/v1"
        process.terminate()


@pytest.fixture
async def assistant(base_url: str) -> AsyncIterator[OpenAIAssistant]:
    assistant = OpenAIAssistant(
        base_url=base_url, api_key="", model="smollm2", persona=PERSONA, limits=LIMITS
    )
    yield assistant
    await assistant.close()


async def test_a_real_model_answers_word_by_word_and_its_tokens_are_counted(assistant):
    prompt = Prompt("What is a car?", (Turn("visitor", "Hi", 1), Turn("assistant", "Hello!", 2)))

    said = [each async for each in assistant.answer(prompt)]

    pieces = [each.text for each in said if isinstance(each, Text)]
    assert len(pieces) > 3
    assert "".join(pieces).strip()
    finished = said[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    assert finished.usage.prompt_tokens > 10
    assert finished.usage.completion_tokens >= len(pieces)


async def test_whatever_a_real_model_finds_out_has_the_right_form(assistant):
    said = [
        each async for each in assistant.answer(Prompt("I'm Ann. Please send a quote to ann@example.com"))
    ]

    assert isinstance(said[-1], Finished)
    for each in said:
        match each:
            case Details(values=values):
                assert set(values) <= {"name", "email"}
                assert all(isinstance(value, str) and value for value in values.values())
            case Suggestions(suggestions=suggestions):
                assert 1 <= len(suggestions) <= 3
            case NeedsInfo(needs_info=needs_info):
                assert isinstance(needs_info, bool)
            case _:
                pass


async def test_a_real_model_stops_when_nobody_listens(assistant):
    async with aclosing(assistant.answer(Prompt("Tell me a long story"))) as answer:
        assert isinstance(await anext(answer), Text)

    said = [each async for each in assistant.answer(Prompt("And now?"))]

    assert isinstance(said[-1], Finished)


async def test_a_server_without_a_model_of_that_path_is_a_failure(base_url):
    assistant = OpenAIAssistant(
        base_url=base_url.replace("/v1", "/nowhere"), api_key="", model="x", persona=PERSONA, limits=LIMITS
    )

    with pytest.raises(AssistantFailed) as failure:
        _ = [each async for each in assistant.answer(Prompt("Hello"))]

    await assistant.close()
    assert failure.value.reason == "upstream_rejected"
