"""Picks a visitor's name, email address and phone number out of what they write.

Well-kept parsers decide what is an address (email-validator), what is a number (phonenumbers; read as
dialled in Australia unless it has a country code, and kept as E.164: "+61412345678") and how a name is
written (nameparser). Which words may be a name is decided here, and with care: whoever writes "I'm
interested" or "I'm a nurse" hasn't introduced themselves. So is whose an address or a number is: one
that is somebody else's, or that isn't to be used, isn't given.
"""

import re
from collections.abc import Collection, Iterator
from itertools import islice

from email_validator import validate_email
from msgspec import Struct
from nameparser import HumanName
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher, format_number

from infrastructure.assistants import intents
from infrastructure.assistants.chatter import COMMON, STOPWORDS, plain_words, words_of

KEYS = frozenset({"name", "email", "phone"})
"""What can be found; no other detail ever is."""

CONTACTS = ("email", "phone")
REGION = "AU"
MOST_CONTACTS = 20
MOST_TRIES = 100
"""So many addresses or numbers of one text count, of so many tries: it keeps a hostile message cheap."""

MOST_NAME_WORDS = 5
LONGEST_NAME_WORD = 30

# Bounded, since without any @ each start would otherwise be tried up to the end of the text.
_EMAIL = re.compile(r"[^\s@<>()\[\]:;,\"\\]{1,64}@[^\s@<>()\[\]:;,\"\\/]{1,255}")

_MOST_BEFORE = 60
"""So many characters before an address or a number tell whose and of what it is."""

_CONTACT = r"(?:e-?mail|address|phone|mobile|cell|landline|contact|number)\b"
# What stands before an address or a number that is denied: "not ...", "don't use ..."
_DENIAL = re.compile(r"(?:\bnot|n't|\bno\s+longer)\s+(?:use\s+)?$", re.IGNORECASE)
# Or somebody else's: "my boss's email is ...", but neither "here's my email" nor "my email's ..."
_POSSESSIVE = re.compile(
    rf"(?:\b(?!(?:it|that|here|{_CONTACT})')\w+'s|\b(?:his|her|their))"
    rf"(?:\s+(?!my\b)\w+)??(?:\s+{_CONTACT})+(?:\s+is\b)?[\s:=]*$",
    re.IGNORECASE,
)
# Or what says which number it is: "my licence number ...", "my rego is ..."
_LABEL = re.compile(
    r"\bmy\s+((?:[\w']+\s+){0,2}[\w']+)(?:(?<=\bnumber)|\s+is|\s+are|\s*[:=])[\s:=]*$", re.IGNORECASE
)

# The writer's own: neither "my dog's name" nor "the company name".
_THE_NAME = r"(?:\bmy\s+|(?:^|[^\w\s']|\n|\band\b)\s*(?:the\s+)?)(?:(?:full|first|last)\s+)?name"
_INTRODUCTION = re.compile(
    rf"(?:(?<!not\s)(?<!n't\s)\bcall\s+me|{_THE_NAME}(?:\s+is|'?s|\s*[:=]))\s+", re.IGNORECASE
)
_SPEAKING = re.compile(r"\bthis\s+is\s+(?=(?:\S+\s+){1,3}(?:speaking|here|from)\b)", re.IGNORECASE)
# What follows these may be what somebody is, not who: see `find`.
_GREETING = re.compile(
    r"^\W*(?:hi|hiya|hey|hello|g'?day)(?:\s+there)?[\s,!.]+(?:i\s+am|i'?m|this\s+is|it'?s)\s+", re.IGNORECASE
)
_MENTION = re.compile(r"\b(?:i\s+am|i'?m|this\s+is)\s+", re.IGNORECASE)
_ANSWER = re.compile(rf"(?:\b(?:i\s+am|i'?m|this\s+is|it'?s|it\s+is)|{_THE_NAME})\s+", re.IGNORECASE)
_BREAK = re.compile(r"[,;:!?\n/|]|(?<=\w\w)\.(?=\s|$)|\s-\s|\s+(?:and|&)\s+", re.IGNORECASE)
_WRITTEN = re.compile(r"\S+")

_AFTER_WORD = ",.;:!?)\"'"
_TITLES = frozenset({"dr", "mr", "mrs", "ms", "miss", "mx", "prof", "rev"})
_NAMES_TOO = frozenset({"Art", "Bill", "Don", "Guy", "Hope", "May", "Rich", "Will"})
_PARTICLES = words_of("al bin bint da de del den der di dos du el ibn la le van von")

_NO_NAMES = (
    STOPWORDS
    | COMMON
    | words_of(
        """
        monday tuesday wednesday thursday friday saturday sunday weekend weekday january february march
        april june july august september october november december christmas easter afternoon evening
        arvo anytime sometime eventually australian aussie british english irish indian chinese american
        kiwi retired fulltime parttime married divorced rich hungry unsure unhappy annoyed angry
        frustrated stuck thrilled excited hopeful awesome amazing ridiculous confusing complicated
        annoying crazy silly rubbish nonsense terrible awful horrible brilliant fantastic wonderful
        excellent urgent spam private confidential anonymous secret na mail mobile cell landline contact
        details address novated lease leasing car cars vehicle quote quotes tax fbt gst ev evs loan nil
        testing
        """
    )
)
_OF_PHONES = _NO_NAMES | words_of("telephone tel ph mob home direct preferred whatsapp")
"""Everyday words go with a phone's number, too: "my best number is ..."."""


class Found(Struct, frozen=True):
    """The details that a text gives, by key, and what else it says."""

    values: dict[str, str]
    rest: str


def find(
    text: str, *, asked: bool = False, introduces: bool = False, known: Collection[str] = frozenset()
) -> Found:
    """All details in a text that its writer gives of themselves.

    "I'm Sam" names somebody only who was `asked`, or who `introduces` themselves otherwise too, as an address
    or a number does: it may be anything that they are. Whoever was asked may use fewer words: "its sam".
    `known` are words that mean something else here.
    """
    rest = text.replace("’", "'")
    values: dict[str, str] = {}
    # In this order: the digits of an address are no phone number.
    for key in CONTACTS:
        given, rest = contacts(key, rest)
        if given:
            values[key] = given[-1]  # which corrects those before: "sorry, it's ..."
    name, rest = _name(rest, asked=asked, introduces=introduces or bool(values), known=known)
    if name:
        values["name"] = name
    return Found(values, rest)


def contacts(key: str, text: str) -> tuple[list[str], str]:
    """The addresses or numbers, by `key`, at which a text's writer may be reached; and what else it says."""
    places = list(islice(_emails(text) if key == "email" else _phones(text), MOST_CONTACTS))
    own = [value for value, start, _ in places if _is_own(_before(text, start))]
    refused = key in intents.refused_ways(text)
    for _, start, end in reversed(places):
        text = _without(text, start, end)
    return [] if refused else own, text


def bare_names(text: str, known: Collection[str] = frozenset()) -> Iterator[str]:
    """What could be a name in the reply to a question for it: one to three words that stand alone."""
    for part in _BREAK.split(text):
        words = part.split()
        if not 1 <= len(words) <= 3 or _is_known(words[0], known) or not all(map(_may_be_name, words)):
            continue
        if name := _written_well(words):
            yield name


def attempted(text: str) -> bool:
    """Whether a text looks as if it was meant to give an address or a number."""
    return "@" in text or sum(character.isdigit() for character in text) >= 6


def first_name(name: str) -> str:
    """How to address somebody of that name."""
    return HumanName(name).first or name


# --- addresses and numbers, each with where it begins and ends


def _emails(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _EMAIL.finditer(text):
        candidate = match.group().rstrip(_AFTER_WORD).lstrip("'")
        try:
            address = validate_email(candidate, check_deliverability=False).normalized
        except ValueError:
            continue
        yield address, match.start(), match.end()


def _phones(text: str) -> Iterator[tuple[str, int, int]]:
    for match in PhoneNumberMatcher(text, REGION, Leniency.VALID, MOST_TRIES):
        label = _LABEL.search(_before(text, match.start))
        if label is None or words_of(label[1]) <= _OF_PHONES:
            yield format_number(match.number, PhoneNumberFormat.E164), match.start, match.end


def _is_own(before: str) -> bool:
    return not (_DENIAL.search(before) or _POSSESSIVE.search(before))


def _before(text: str, start: int) -> str:
    return text[max(0, start - _MOST_BEFORE) : start].replace("’", "'")


def _without(text: str, start: int, end: int) -> str:
    return f"{text[:start]}, {text[end:]}"


# --- names


def _name(text: str, *, asked: bool, introduces: bool, known: Collection[str]) -> tuple[str | None, str]:
    # Each with whether a name behind it may do without capitals, and with what is none there.
    patterns = [(_INTRODUCTION, True, frozenset[str]()), (_SPEAKING, asked, known)]
    if asked or introduces:
        patterns += [(_GREETING, True, known), (_ANSWER if asked else _MENTION, asked, known)]
    for pattern, lower, no_names in patterns:
        for match in pattern.finditer(text):
            words, end = _name_words(text, match.end(), lower=lower)
            if words and not _is_known(words[0], no_names) and (name := _written_well(words)):
                return name, _without(text, match.start(), end)
    return None, text


def _name_words(text: str, start: int, *, lower: bool) -> tuple[list[str], int]:
    """The words of a name that begins at `start`, and where it ends.

    It ends before the first word that can't be one: in "call me sam when you can", before "when". What
    goes on for longer than names do is none.
    """
    shouted = text.isupper()
    words: list[str] = []
    end = start
    for match in _WRITTEN.finditer(text, start):
        word = match.group().rstrip(_AFTER_WORD)
        capital = word[:1].isupper() and not shouted
        if not (_may_be_name(word) or (words and capital and _may_be_surname(word))):
            break
        if not (capital or lower or word in _PARTICLES) or (not capital and word.endswith("ing")):
            break
        if len(words) == MOST_NAME_WORDS:
            return [], start
        words.append(word)
        end = match.end()
        if word != match.group() and word.casefold() not in _TITLES:
            break
    return words, end


def _may_be_surname(word: str) -> bool:
    """After a first name, everyday words are names too: "Sam Young", "Jo Page"."""
    return _is_word(word) and STOPWORDS.isdisjoint(plain_words(word))


def _may_be_name(word: str) -> bool:
    return _is_word(word) and (word in _NAMES_TOO or _NO_NAMES.isdisjoint(plain_words(word)))


def _is_known(first: str, known: Collection[str]) -> bool:
    """Whether a name's first word means something else. The last may well: "Sam Green", "Jo Banks"."""
    return first not in _NAMES_TOO and any(word in known for word in plain_words(first))


def _is_word(word: str) -> bool:
    if word.endswith("'s"):  # whatever follows is somebody's, not somebody
        return False
    letters = word.replace("'", "").replace("-", "").replace(".", "")
    return letters.isalpha() and len(word) <= LONGEST_NAME_WORD


def _written_well(words: list[str]) -> str | None:
    name = HumanName(" ".join(words))
    small = any(word[0].islower() and word.casefold() not in _PARTICLES for word in words)
    name.capitalize(force=small or None)
    given = " ".join(part for part in (name.first, name.middle, name.last) if part)
    # "Mr Smith" stays so; "Dr. Jane Smith" needs no title.
    return (given if name.first else f"{name.title} {given}".strip()) if given else None
