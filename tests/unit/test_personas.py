"""Personas are read from files, and what is wrong with these is told before the first conversation."""

from pathlib import Path

import pytest

from infrastructure.personas import PersonaError, load_avatar, load_persona

ALEX = Path(__file__).parents[2] / "infrastructure/assistants/personas/alex/persona.toml"

PERSONA = """
name = "Kim"
role = "Knows about tea"
greeting = "Hello, I'm Kim!"
instructions = "Be kind."
knowledge = "tea.toml"
suggestions = ["green"]

[texts]
idle_warning = "Still there?"
session_end = "Until next time!"
greeting_reply = "Hello!"
thanks_reply = "You're welcome! Anything else?"
goodbye = "Goodbye!"
unknown = "I don't know."
quote_ask = "Please tell me {missing}."
quote_ready = "Thank you, {name}."

[[details]]
key = "name"
label = "your name"
"""

TEA = """
[[entry]]
id = "green"
question = "What is green tea?"
also = ["sencha"]
answer = "Tea that isn't oxidised."
next = ["black"]
source = "The tea handbook"

[[entry]]
id = "black"
question = "What is black tea?"
answer = "Tea that is oxidised."
source = "The tea handbook"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "persona.toml").write_text(PERSONA)
    (tmp_path / "tea.toml").write_text(TEA)
    return tmp_path


def complaint(folder: Path) -> str:
    with pytest.raises(PersonaError) as raised:
        load_persona(folder / "persona.toml")
    return str(raised.value)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_persona_is_read_with_the_knowledge_beside_it(folder: Path) -> None:
    persona, knowledge = load_persona(folder / "persona.toml")

    assert persona.name == "Kim"
    assert [detail.key for detail in persona.details] == ["name"]
    assert [entry.id for entry in knowledge.entries] == ["green", "black"]
    assert knowledge.entries[0].next == ("black",)


def test_a_persona_without_knowledge_knows_nothing(folder: Path) -> None:
    edit(folder / "persona.toml", 'knowledge = "tea.toml"\nsuggestions = ["green"]\n', "")

    _, knowledge = load_persona(folder / "persona.toml")

    assert knowledge.entries == ()


def test_a_persona_may_have_a_picture(folder: Path) -> None:
    edit(folder / "persona.toml", 'name = "Kim"', 'name = "Kim"\navatar = "kim.png"')
    (folder / "kim.png").write_bytes(b"a picture")
    persona, _ = load_persona(folder / "persona.toml")

    avatar = load_avatar(folder / "persona.toml", persona)

    assert avatar is not None
    assert (avatar.image, avatar.media_type) == (b"a picture", "image/png")


@pytest.mark.parametrize(
    ("name", "image", "said"),
    [
        ("kim.gif", b"", "a picture's name must end with one of .svg, .png, .jpg, .webp"),
        ("kim.png", None, "can't be read: No such file or directory"),
        ("kim.png", b" " * 262_145, "has 262145 bytes; a picture may have 262144"),
    ],
)
def test_what_is_wrong_with_a_picture_is_told_in_one_line(
    folder: Path, name: str, image: bytes | None, said: str
) -> None:
    edit(folder / "persona.toml", 'name = "Kim"', f'name = "Kim"\navatar = "{name}"')
    if image is not None:
        (folder / name).write_bytes(image)
    persona, _ = load_persona(folder / "persona.toml")

    with pytest.raises(PersonaError) as raised:
        load_avatar(folder / "persona.toml", persona)

    assert str(raised.value) == f"{folder / name}: {said}"


def test_alex_is_well_written() -> None:
    persona, knowledge = load_persona(ALEX)

    assert persona.texts.idle_warning == "G'day! Are you still there? I'm here if you need anything!"
    assert persona.texts.session_end == (
        "No worries! I'll end this session for now. Feel free to come back anytime if you need help!"
    )
    assert len(knowledge.entries) >= 50


WRONG_IN_PERSONA = [
    ('greeting = "Hello, I\'m Kim!"\n', "", "missing required field `greeting`"),
    ('goodbye = "Goodbye!"\n', "", "missing required field `goodbye` - at `$.texts`"),
    ('name = "Kim"', "name = 3", "Expected `str`, got `int` - at `$.name`"),
    ('role = "Knows', 'rôle = "Knows', "is not valid TOML"),
    ('role = "Knows', 'roll = "Knows', "unknown field `roll`"),
    ('goodbye = "Goodbye!"', 'goodbye = " "', "texts.goodbye: is blank"),
    ('label = "your name"', 'label = ""', "details 'name': label: is blank"),
    ("{missing}", "everything", "texts.quote_ask: lacks {missing}"),
    ('key = "name"', 'key = "email"', "texts.quote_ready: {name} can be filled in only if"),
    ('["green"]', '["gren"]', "suggestions: no entry has the id 'gren'; did you mean 'green'?"),
    ("[[details]]", '[[details]]\nkey = "name"\nlabel = "it"\n[[details]]', "the key 'name' is there twice"),
    ("tea.toml", "coffee.toml", "coffee.toml: can't be read: No such file or directory"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG_IN_PERSONA)
def test_what_is_wrong_in_a_persona_is_told_in_one_line(folder: Path, old: str, new: str, said: str) -> None:
    edit(folder / "persona.toml", old, new)

    line = complaint(folder)

    assert said in line
    assert line.startswith(str(folder))
    assert "\n" not in line


WRONG_IN_KNOWLEDGE = [
    ('["black"]', '["blakc"]', "entry 1 ('green'): next: no entry has the id 'blakc'; did you mean 'black'?"),
    ('["black"]', '["green"]', "entry 1 ('green'): next: an entry can't lead to itself"),
    ('id = "black"', 'id = "green"', "the id is there twice"),
    ("What is black tea?", "what is green tea? ", "the question 'what is green tea?' is there twice"),
    ('answer = "Tea that is oxidised."\n', "", "entry 2 ('black'): Object missing required field `answer`"),
    ('answer = "Tea that is oxidised."', 'answer = " "', "entry 2 ('black'): answer: is blank"),
    ('id = "black"', "", "entry 2: Object missing required field `id`"),
    ('["sencha"]', '["sencha", ""]', "entry 1 ('green'): also: a phrase is blank"),
    ('["sencha"]', "[7]", "entry 1 ('green'): Expected `str`, got `int` - at `$.also[0]`"),
    ("[[entry]]", "[[entries]]", "unknown field `entries`"),
    ("[[entry]]", 'alike = [["a cup", "mug"]]\n[[entry]]', "alike: 'a cup' is not one word"),
    ("[[entry]]", 'alike = [["cup", "mug"], ["mug", "pot"]]\n[[entry]]', "alike: 'mug' is there twice"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG_IN_KNOWLEDGE)
def test_what_is_wrong_in_a_knowledge_names_the_entry(folder: Path, old: str, new: str, said: str) -> None:
    edit(folder / "tea.toml", old, new)

    line = complaint(folder)

    assert said in line
    assert line.startswith(str(folder / "tea.toml")) or "suggestions" in line
    assert "\n" not in line


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "tea.toml").write_bytes(b"\xff\xfe")

    assert "is not UTF-8 text" in complaint(folder)
