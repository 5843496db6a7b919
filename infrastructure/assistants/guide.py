"""An assistant that needs no key and no network: a persona, its knowledge, and good manners.

Every word that it says is written in one of their files. It finds the entry that a message asks for and
speaks its answer as it stands; where no entry fits, it says that it doesn't know. Beside that it notes the
details that its persona collects, asks for them when the visitor wants a quote, and takes no for an answer.

    listening.py       what a message says
    ├── details.py       the name, email address and phone number in it
    ├── intents.py       small talk, and the wish for a quote
    └── ranking.py       the entry that it asks for
        └── terms.py       what a text is about, without the chatter (chatter.py)
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from itertools import chain, islice

from msgspec import Struct

from domain.assistant import Details, NeedsInfo, Prompt, Said, SessionComplete, Suggestions, Text, Unanswered
from domain.knowledge import Entry, Knowledge
from domain.persona import Detail, Persona
from infrastructure.assistants import details
from infrastructure.assistants.chatter import plain_words
from infrastructure.assistants.listening import Heard, Listener

MOST_SUGGESTIONS = 3
BETWEEN_TEXTS = "\n\n"

_WORD = re.compile(r"\s*\S+\s*")


class Reply(Struct, frozen=True):
    """What is said to a message: set texts, and what goes with them."""

    texts: tuple[str, ...]
    details: Mapping[str, str] = {}
    suggestions: tuple[str, ...] = ()
    needs_info: bool | None = None
    ends_session: bool = False


class GuideAssistant:
    """See `domain.assistant.Assistant`. It speaks at `words_per_second`; 0 is as fast as it can.

    Of the details that a persona collects, it asks only for those that `details.find` can find.
    """

    name = "guide"

    def __init__(self, persona: Persona, knowledge: Knowledge, words_per_second: float = 25) -> None:
        self._texts = persona.texts
        self._greeting = persona.greeting
        self._required = [
            detail for detail in persona.details if detail.required and detail.key in details.KEYS
        ]
        self._entries = {entry.id: entry for entry in knowledge.entries}
        self._openers = [self._entries[chosen] for chosen in persona.suggestions]
        self._listener = Listener(persona, knowledge)
        self._pause = 1 / words_per_second if words_per_second else 0

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        """Stream the reply to one message, word by word."""
        reply = self.reply(prompt)
        if reply.details:
            yield Details(reply.details)
        for number, word in enumerate(_WORD.findall(BETWEEN_TEXTS.join(reply.texts))):
            if number and self._pause:
                await asyncio.sleep(self._pause)
            yield Text(word)
        if reply.needs_info is not None:
            yield NeedsInfo(reply.needs_info)
        if reply.suggestions:
            yield Suggestions(reply.suggestions)
        if self._texts.unknown in reply.texts:
            yield Unanswered()
        if reply.ends_session:
            yield SessionComplete()

    def reply(self, prompt: Prompt) -> Reply:
        """The whole reply to one message."""
        said_last = next((turn.text for turn in reversed(prompt.turns) if turn.role == "assistant"), "")
        heard = self._listener.hear(prompt, awaits_name=self._awaits_name(prompt, said_last))
        known = {**prompt.details, **heard.details}
        missing = [detail for detail in self._required if detail.key not in known]
        declined = prompt.asked_for and _declines(heard)
        about_quote = bool(self._required) and not declined and _is_about_quote(prompt, heard, said_last)
        leaves = self._leaves(heard, said_last)

        texts = [heard.entry.answer] if heard.entry and not leaves else []
        if about_quote and not (leaves and missing):
            texts.append(self._ask(missing) if missing else self._ready(known))
        if leaves:
            texts.append(self._texts.goodbye)
        waits = bool(missing) and not declined and not leaves
        return Reply(
            texts=tuple(texts) or (self._manners(heard, declined=declined),),
            details=heard.details,
            suggestions=() if leaves or (about_quote and waits) else self._suggest(prompt, heard),
            needs_info=waits if about_quote or prompt.asked_for else None,
            ends_session=leaves,
        )

    # --- what the message calls for

    def _awaits_name(self, prompt: Prompt, said_last: str) -> bool:
        """Whether a few words that stand alone may be a name: directly after it was asked for."""
        if not prompt.asked_for or "name" in prompt.details:
            return False
        missing = [detail for detail in self._required if detail.key not in prompt.details]
        return not said_last or said_last.endswith(self._ask(missing))

    def _leaves(self, heard: Heard, said_last: str) -> bool:
        """Whether the visitor says goodbye, or no when asked whether there is anything else."""
        if heard.asks or heard.wants_quote:
            return False
        if heard.entry:
            return "goodbye" in heard.last
        return "goodbye" in heard.talk or ("no" in heard.talk and said_last == self._texts.thanks_reply)

    # --- what is said

    def _ask(self, missing: Sequence[Detail]) -> str:
        *others, last = [detail.label for detail in missing] or [""]
        labels = f"{', '.join(others)} and {last}" if others else last
        return self._texts.quote_ask.replace("{missing}", labels)

    def _ready(self, known: Mapping[str, str]) -> str:
        return self._texts.quote_ready.replace("{name}", details.first_name(known.get("name", "")))

    def _manners(self, heard: Heard, *, declined: bool) -> str:
        """The set text that fits where neither a question is answered nor a quote prepared."""
        if heard.asks:
            return self._texts.unknown
        if declined or heard.talk & {"no", "thanks"}:
            return self._texts.thanks_reply
        if "about" in heard.talk:
            return self._greeting
        if heard.talk or heard.details:
            return self._texts.greeting_reply
        return self._texts.unknown

    def _suggest(self, prompt: Prompt, heard: Heard) -> tuple[str, ...]:
        """Questions that follow, but none that has been answered."""
        answered = self._answered(prompt)
        if heard.entry:
            follow: Iterable[Entry] = self._after(heard.entry)
            answered.append(heard.entry)
        else:
            last = self._after(answered[-1]) if answered else []
            follow = chain(heard.nearest[:MOST_SUGGESTIONS], last, self._openers)
        questions = dict.fromkeys(entry.question for entry in follow if entry not in answered)
        return tuple(islice(questions, MOST_SUGGESTIONS))

    def _answered(self, prompt: Prompt) -> list[Entry]:
        replies = [turn.text for turn in prompt.turns if turn.role == "assistant"]
        return [
            entry for text in replies for entry in self._entries.values() if text.startswith(entry.answer)
        ]

    def _after(self, entry: Entry) -> list[Entry]:
        return [self._entries[following] for following in entry.next]


def _declines(heard: Heard) -> bool:
    return "no" in heard.talk and not (heard.details or heard.wants_quote)


def _is_about_quote(prompt: Prompt, heard: Heard, said_last: str) -> bool:
    """Whether the visitor asks for a quote, or goes on with it."""
    if heard.wants_quote:
        return True
    agrees = "yes" in heard.talk
    if prompt.asked_for and (heard.details or agrees):
        return True
    if heard.entry:
        return False
    retries = prompt.asked_for and heard.tries_to_give
    return retries or (agrees and "quote" in plain_words(said_last))
