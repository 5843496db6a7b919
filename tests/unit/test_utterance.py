"""An utterance grows, and what it was stays what it was."""

from hypothesis import given
from hypothesis import strategies as st

from domain.utterance import Utterance

pieces = st.lists(st.text(max_size=4), max_size=5)


def test_nothing_has_been_said_at_the_beginning() -> None:
    assert (Utterance.nothing().text, Utterance.nothing().chars) == ("", 0)


@given(st.lists(pieces, max_size=20))
def test_it_grows_by_what_is_said_and_every_state_before_stays_as_it_was(steps: list[list[str]]) -> None:
    states, texts = [Utterance.nothing()], [""]
    for step in steps:
        states.append(states[-1].plus(step))
        texts.append(texts[-1] + "".join(step))

    assert [state.text for state in states] == texts
    assert [state.chars for state in states] == list(map(len, texts))


@given(pieces, pieces, pieces)
def test_two_that_go_on_from_the_same_state_don_t_know_of_each_other(
    before: list[str], one: list[str], other: list[str]
) -> None:
    start = Utterance.nothing().plus(before)

    first, second = start.plus(one), start.plus(other)

    assert first.text == "".join(before + one)
    assert second.text == "".join(before + other)
    assert start.text == "".join(before)


@given(st.text(max_size=8), st.integers(0, 8))
def test_it_is_what_it_says_however_that_was_cut(text: str, at: int) -> None:
    whole, cut = Utterance.nothing().plus([text]), Utterance.nothing().plus([text[:at], text[at:]])

    assert whole == cut
    assert hash(whole) == hash(cut)
    assert whole != cut.plus(["!"])
