"""A map that grows, and what it was stays what it was."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain.growing import Growing

Step = tuple[int, int | None]

steps = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 3)), max_size=20)


def grown(steps: Sequence[Step], start: Growing[int, int | None] | None = None) -> Growing[int, int | None]:
    made = Growing[int, int | None]() if start is None else start
    for key, value in steps:
        made = made.plus(key, value)
    return made


def assert_is(made: Growing[int, int | None], expected: dict[int, int | None]) -> None:
    assert made == expected
    assert (len(made), [*made]) == (len(expected), [*expected])
    for key in range(6):
        assert (key in made, made.get(key, "nothing")) == (key in expected, expected.get(key, "nothing"))


@given(steps)
def test_it_grows_by_what_is_put_in_and_every_state_before_stays_as_it_was(steps: list[Step]) -> None:
    states = [grown(steps[:0])]
    for step in steps:
        states.append(grown([step], states[-1]))

    for count, state in enumerate(states):
        assert_is(state, dict(steps[:count]))


@given(steps, steps, steps)
def test_two_that_go_on_from_the_same_state_don_t_know_of_each_other(
    before: list[Step], one: list[Step], other: list[Step]
) -> None:
    start = grown(before)

    first, second = grown(one, start), grown(other, start)

    assert_is(first, dict([*before, *one]))
    assert_is(second, dict([*before, *other]))
    assert_is(start, dict(before))


@given(st.data())
def test_states_that_go_on_from_any_state_in_any_order_are_what_was_put_into_them(
    data: st.DataObject,
) -> None:
    made: list[tuple[Growing[int, int | None], dict[int, int | None]]] = [(grown([]), {})]
    for key, value in data.draw(steps):
        state, expected = data.draw(st.sampled_from(made))
        made.append((state.plus(key, value), {**expected, key: value}))

    for state, expected in made:
        assert_is(state, expected)


@given(steps)
def test_what_is_folded_twice_is_held_once(steps: list[Step]) -> None:
    start = grown([])

    first, second = grown(steps, start), grown(steps, start)

    assert first == second
    assert first._entries is second._entries
