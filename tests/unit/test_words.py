"""Words: the pieces joined are the text, however it was delivered, and nothing waits for long."""

import time
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.words import LONGEST, WordCutter

AT_MOST = 3 * LONGEST
"""Spaces before it, letters without an end, marks on the last of them: no piece is longer."""

ODDITIES = (
    " \t\n\r\x0b\x1c\x85\xa0\u2003\u2028\u3000"  # all of them white space
    "aZ0.,!\"'-\x00\x7f\xad\ufeff\u202e\u2066"
    "\u0301\u0327\u20e3\ufe0f\u200b\u200c\u200d\U000e0067\U000e0100"
    "中々。「〆が\u3099ｱﾞ！\uffa0\U00020000"
    "กเ\u0e31\u0e33\u0e4eລ\u0ec8ក\u17d2\u17b6မ\u1039\u103a"
    "שָب\u064bक\u094d한ᄒ"
    "👨👍🏽🇦🇺❤\ufffd\U0010ffff"
)
"""Characters that have something to say in where a text is cut, and some that nobody expects."""

LETTERS = ("a", "x", "ö", "e\u0301", "q\u0323\u0307", "שָׁ", "بِّ", "कि", "தி")
IDEOGRAPHS = ("中", "葛\U000e0100", "か\u3099", "ｶﾞ")
SYLLABLES = ("ก", "ที่", "น้ำ", "เกี่", "แม่", "สั", "ສິ່", "ແກ້", "ក", "ក្រុ", "ស្ត្រី", "မ", "မြို့", "က္က")
EMOJI = (
    "👨\u200d👩\u200d👧",
    "👩🏽\u200d❤\ufe0f\u200d💋\u200d👩🏿",
    "👍🏽",
    "🇦🇺",
    "❤\ufe0f",
    "1\ufe0f\u20e3",
    "🏴\U000e0067\U000e0062\U000e007f",
)
GRAPHEMES = (*LETTERS, *IDEOGRAPHS, *SYLLABLES, *EMOJI)
"""Letters with their marks, and emoji, each of which is drawn as one."""

runs = st.builds(
    lambda unit, times: unit * times,
    st.text(st.sampled_from(ODDITIES), min_size=1, max_size=3),
    st.integers(1, 80),
)
texts = st.one_of(
    st.text(),
    st.text(st.sampled_from(ODDITIES), max_size=300),
    st.lists(runs, max_size=8).map("".join),
)


def cut(*deliveries: str) -> list[str]:
    """The words of a text that arrives in these pieces."""
    cutter = WordCutter()
    return [word for text in deliveries for word in cutter.feed(text)] + cutter.flush()


def test_a_word_ends_at_its_space() -> None:
    assert cut("word by word") == ["word ", "by ", "word"]
    assert cut("one\ntwo\tthree\u00a0four") == ["one\n", "two\t", "three\u00a0", "four"]


def test_more_spaces_begin_the_next_word() -> None:
    assert cut("one  two\r\nthree \n\n- four ") == ["one ", " two\r", "\nthree ", "\n\n- ", "four "]


def test_a_word_is_given_as_soon_as_its_space_has_come() -> None:
    cutter = WordCutter()

    assert cutter.feed("Hel") == []
    assert cutter.feed("lo") == []
    assert cutter.feed(" ") == ["Hello "]
    assert cutter.feed("there") == []
    assert cutter.flush() == ["there"]
    assert cutter.flush() == []


def test_no_text_has_no_words() -> None:
    assert cut() == cut("") == cut("", "") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("你好，世界。", ["你", "好", "，", "世", "界", "。"]),
        ("私はWebが好き", ["私", "は", "Web", "が", "好", "き"]),
        ("中 文\u3000字", ["中 ", "文\u3000", "字"]),
        ("か\u3099き", ["か\u3099", "き"]),
        ("สวัสดีครับ", ["สวัสดี", "ครับ"]),
        ("(สวัสดีครับ) ok", ["(", "สวัสดี", "ครับ) ", "ok"]),
        ("เกี่ยวกับเรื่องนี้", ["เกี่ยว", "กับเรื่", "องนี้"]),
        ("កម្ពុជាប្រទេស", ["កម្ពុជា", "ប្រទេស"]),
        ("မြန်မာနိုင်ငံ", ["မြန်မာ", "နိုင်ငံ"]),
        ("안녕하세요 여러분", ["안녕하세요 ", "여러분"]),
        ("שלום לכולם", ["שלום ", "לכולם"]),
        ("مرحبا بالعالم", ["مرحبا ", "بالعالم"]),
        ("กข中文", ["กข", "中", "文"]),
    ],
)
def test_every_script_is_cut_where_the_eye_could_rest(text: str, words: list[str]) -> None:
    assert cut(text) == words


@pytest.mark.parametrize("delivered", ["whole", "by the character"])
def test_a_run_without_any_space_is_cut_all_the_same(delivered: str) -> None:
    text = "x" * (2 * LONGEST) + " y"

    words = cut(text) if delivered == "whole" else cut(*text)

    assert words == ["x" * LONGEST, "x" * LONGEST + " ", "y"]


def test_a_run_of_spaces_is_cut_all_the_same() -> None:
    assert cut(" " * (2 * LONGEST + 3) + "y ") == [" " * LONGEST, " " * LONGEST, "   y "]


def test_a_run_of_marks_is_cut_all_the_same() -> None:
    words = cut("e" + "\u0301" * 10 * LONGEST)

    assert max(map(len, words)) <= AT_MOST
    assert len(words) > 5


@given(texts, st.data())
def test_the_pieces_joined_are_the_text_however_it_was_delivered(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    deliveries = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]

    words = cut(text)

    assert "".join(words) == text
    assert cut(*deliveries) == words
    assert cut(*text) == words


@given(texts)
def test_a_word_holds_no_space_but_those_before_it_and_the_one_that_ends_it(text: str) -> None:
    for word in cut(text):
        inner = word.lstrip()[:-1]
        assert not any(character.isspace() for character in inner)


@given(texts)
def test_little_waits_whatever_comes(text: str) -> None:
    cutter = WordCutter()
    waiting = 0

    for character in text:
        waiting += 1 - sum(map(len, cutter.feed(character)))
        assert waiting < AT_MOST


@given(st.lists(st.sampled_from([*GRAPHEMES, " "]), max_size=60))
def test_marks_and_joined_emoji_are_never_parted_from_their_letter(graphemes: list[str]) -> None:
    bounds = set(accumulate(map(len, graphemes)))

    cuts = list(accumulate(map(len, cut("".join(graphemes)))))

    assert set(cuts) <= bounds


@pytest.mark.parametrize(
    "unit",
    [" ", "a", "ก", "เ", "中", "\u0301", "👨\u200d", "🇦", "a" * 63 + "\u0301" * 70, " " * 63 + "a"],
)
def test_the_time_that_a_text_takes_grows_with_its_length_and_no_faster(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    cutter = WordCutter()
    begun = time.process_time()

    words = cutter.feed(text)
    whole = time.process_time() - begun

    waiting = 0
    for character in text[:5_000]:
        waiting += 1 - sum(map(len, cutter.feed(character)))
        assert waiting < 2 * AT_MOST
    assert len(words) >= len(text) // AT_MOST
    assert whole < 8, "it takes half a second at most: only what grows with the square takes longer"
