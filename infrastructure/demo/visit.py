"""One conversation, decision by decision, as a visitor, an assistant and the clock might have had it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from math import log
from random import Random
from typing import NamedTuple

from domain import session as decide
from domain.conversations import prompt_for
from domain.deadlines import IdleRules, next_deadline, on_due
from domain.events import Event, SessionEnded, SessionStarted, Usage
from domain.knowledge import Knowledge
from domain.persona import Persona
from domain.session import Findings, Reply, begin, evolve
from domain.words import WordCutter
from infrastructure.assistants.guide import BETWEEN_TEXTS, GuideAssistant
from infrastructure.assistants.guide import Reply as Said
from infrastructure.demo import visitors
from infrastructure.demo.calendar import load
from infrastructure.demo.visitors import Visitor, new_id

LIFETIME = timedelta(hours=24)
WINDOW_MS = 1000
"""Words are recorded a second at a time: a tenth of the events that the service's own window would make."""

MOST_MESSAGES = 10
FAILURES = ("timeout_first_word", "upstream_error", "rate_limited")


class Cast(NamedTuple):
    """Who answers, from what it knows; and after how long who is quiet is warned."""

    persona: Persona
    knowledge: Knowledge
    guide: GuideAssistant
    idle: IdleRules

    @classmethod
    def of(cls, persona: Persona, knowledge: Knowledge) -> "Cast":
        texts = persona.texts
        idle = IdleRules(warning_text=texts.idle_warning, end_text=texts.session_end)
        return cls(persona, knowledge, GuideAssistant(persona, knowledge, 0), idle)


class Visit:
    """A conversation that goes on until it has ended. `history` is what happened in it."""

    def __init__(self, random: Random, cast: Cast, visitor: Visitor, at: datetime, end: datetime) -> None:
        self._random = random
        self._cast = cast
        self._visitor = visitor
        self._end = end
        self._now = at
        self._assistant = "openai" if random.random() < 0.35 else "guide"
        self.session_id = new_id(random)
        metadata = {"page": random.choice(visitors.PAGES)}
        (started,) = decide.start(visitor.visitor_id, at, LIFETIME, metadata)
        assert isinstance(started, SessionStarted)
        self.session = begin(self.session_id, started, at)
        self.history: list[tuple[Event, datetime]] = [(started, at)]

    def go_on_to_the_end(self) -> None:
        """Let all of it happen."""
        while not self.session.ended:
            text = self._next_text()
            if text is None:
                self._leave()
            else:
                self._say(text)

    # --- the visitor

    def _next_text(self) -> str | None:
        """What the visitor says next; None for nothing."""
        if self.session.messages == 0:
            return self._opening()
        reply = self.session.reply
        assert reply is not None
        if self.session.messages >= MOST_MESSAGES:
            return None
        if reply.status == "completed" and self.session.needs_info:
            return self._answer_to_request()
        if reply.text == self._cast.persona.texts.thanks_reply:
            return self._random.choice(visitors.GOODBYES) if self._happens(0.65) else None
        if reply.status == "failed" and self._happens(0.5):
            return reply.question.text
        return self._follow_up(reply)

    def _opening(self) -> str | None:
        if self._happens(0.07):
            return None
        if self._happens(0.12):
            return self._random.choice(visitors.GREETINGS)
        return self._new_subject()

    def _answer_to_request(self) -> str | None:
        chance = self._random.random()
        if chance < 0.66:
            return visitors.introduction(self._random, self._visitor)
        return self._random.choice(visitors.DECLINES) if chance < 0.8 else None

    def _follow_up(self, reply: Reply) -> str | None:
        is_unknown = reply.text == self._cast.persona.texts.unknown
        if self._happens(0.4 if is_unknown else 0.16):
            return None
        if reply.suggestions and self._happens(0.42):
            places = (6, 3, 2)[: len(reply.suggestions)]
            return self._random.choices(reply.suggestions, places)[0]
        if not is_unknown and self._happens(0.2):
            return self._random.choice(visitors.THANKS)
        return self._new_subject()

    def _new_subject(self) -> str:
        chance = self._random.random()
        if chance < 0.08:
            return self._random.choice(visitors.OFF_TOPIC)
        if chance < 0.2:
            return self._random.choice(visitors.QUOTES)
        return visitors.question(self._random, self._cast.knowledge)

    def _say(self, text: str) -> None:
        read = self.session.reply.words if self.session.reply else 0
        self._pass(2_000 + self._random.randrange(6_000) + 110 * len(text) + 120 * read)
        self._record(
            decide.post(
                self.session,
                text=text,
                max_chars=4000,
                per_minute=30,
                per_session=1000,
                message_id=new_id(self._random),
                client_message_id=str(new_id(self._random)),
                now=self._now,
            )
        )
        self._be_answered()
        if not self.session.ended:
            self._rate()

    def _rate(self) -> None:
        reply = self.session.reply
        if reply is None or not self._happens(0.14):
            return
        is_good = reply.status == "completed" and reply.text != self._cast.persona.texts.unknown
        is_up = self._happens(0.87 if is_good else 0.2)
        comment = self._random.choice(visitors.PRAISE if is_up else visitors.BLAME)
        self._pass(1_500 + self._random.randrange(6_000))
        rating = "up" if is_up else "down"
        self._record(
            decide.rate(
                self.session,
                reply.response_id,
                rating,
                comment,
                per_minute=30,
                per_session=1000,
                now=self._now,
            )
        )

    def _leave(self) -> None:
        """Say no more: close the chat, or just go away, which some come back from when they are asked."""
        if self._happens(0.17):
            self._pass(1_000 + self._random.randrange(20_000))
            self._record(decide.end(self.session, SessionEnded("deleted")))
        elif self._happens(0.02) and self.session.expires_at < self._end - timedelta(hours=1):
            # Nobody looked after it for a day, as where a service is down.
            self._be_attended(self.session.expires_at)
        elif self._be_warned() and self.session.messages and self._happens(0.15):
            self._pass(5_000 + self._random.randrange(60_000))
            self._say(self._random.choice(visitors.COMES_BACK) + self._new_subject())
        else:
            self._be_attended()

    # --- the clock

    def _be_warned(self) -> bool:
        self._be_attended()
        return not self.session.ended

    def _be_attended(self, at: datetime | None = None) -> None:
        """Have what is due be done, by a service that looks four times a second."""
        due = at or next_deadline(self.session, self._now, self._cast.idle)
        assert due is not None
        self._now = max(self._now, due) + timedelta(milliseconds=self._random.randrange(1, 250))
        self._record(on_due(self.session, self._now, self._cast.idle, new_id(self._random)))

    # --- the assistant

    def _be_answered(self) -> None:
        self._record(decide.begin_reply(self.session, new_id(self._random), self._assistant, "demo"))
        reply = self.session.open_reply
        if reply is None:
            return  # it was interrupted twice, and given up
        said = self._cast.guide.reply(prompt_for(self.session, reply))
        words = _words(BETWEEN_TEXTS.join(said.texts))
        fate = self._random.random()
        if fate < 0.004:
            self._speak(reply, self._some(words))
            self._record(decide.give_up_interrupted(self.session))
            self._pass(1_000)
            self._be_answered()
        elif fate < 0.02 and self._assistant == "openai":
            reason = self._random.choice(FAILURES)
            self._speak(reply, () if reason == "timeout_first_word" else self._some(words))
            self._record(decide.fail_reply(self.session, reply.response_id, reason, Findings()))
        elif 0.02 <= fate < 0.04:
            self._speak(reply, self._some(words))
            self._record(decide.stop_reply(self.session))
        else:
            self._speak(reply, words)
            self._record(decide.complete_reply(self.session, reply.response_id, self._found(said, words)))

    def _speak(self, reply: Reply, words: Sequence[str]) -> None:
        """Have words said, the first at once and the others a window at a time."""
        for parts, delays, offset in self._batches(words):
            self._now = reply.started_at + timedelta(milliseconds=offset + self._random.randrange(1, 6))
            self._record(decide.record_words(self.session, reply.response_id, parts, delays))
        self._pass(self._random.randrange(5, 40) if words else 20_000)

    def _batches(self, words: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[int], int]]:
        """Words with their delays, and when the last of them was said, in ms since the reply started."""
        offset = self._first_word_ms()
        parts, delays, due = list(words[:1]), [offset], offset
        for word in words[1:]:
            if offset >= due:
                yield parts, delays, offset
                parts, delays, due = [], [], due + WINDOW_MS
            delay = 18 + int(self._random.random() * 37)
            offset += delay
            parts.append(word)
            delays.append(delay)
        if parts:
            yield parts, delays, offset

    def _first_word_ms(self) -> int:
        usual = 620 if self._assistant == "openai" else 45
        return max(5, int(self._random.lognormvariate(log(usual), 0.5) * (0.8 + load(self._now))))

    def _found(self, said: Said, words: Sequence[str]) -> Findings:
        usage = Usage(700 + self._random.randrange(900), len(words) * 4 // 3)
        return Findings(
            details=said.details,
            suggestions=said.suggestions,
            needs_info=said.needs_info,
            ends_session=said.ends_session,
            usage=usage if self._assistant == "openai" else None,
            unanswered=self._cast.persona.texts.unknown in said.texts,
        )

    def _some(self, words: Sequence[str]) -> Sequence[str]:
        return words[: self._random.randrange(1, len(words) + 1)]

    # --- time, chance, and the record

    def _record(self, events: Sequence[Event]) -> None:
        for event in events:
            self.session = evolve(self.session, event, self._now)
            self.history.append((event, self._now))

    def _pass(self, milliseconds: int) -> None:
        self._now += timedelta(milliseconds=milliseconds)

    def _happens(self, chance: float) -> bool:
        return self._random.random() < chance


@cache
def _words(text: str) -> Sequence[str]:
    cutter = WordCutter()
    return (*cutter.feed(text), *cutter.flush())
