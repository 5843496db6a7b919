"""Hints: what is written can be read, whatever the log has been through; anything else isn't taken for
hints."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.hints import PRINT_BYTES, Place, read_hints, write_hints

leaves = st.lists(
    st.tuples(
        st.integers(0, 3).map(lambda number: UUID(int=number).bytes),
        st.integers(-(2**63), 2**63 - 1) | st.integers(1, 9),
        st.binary(min_size=32, max_size=32),
    ),
    max_size=30,
    unique_by=lambda leaf: leaf[:2],
)


@given(leaves)
def test_every_event_is_found_again_with_its_print(leaves: list[tuple[bytes, int, bytes]]) -> None:
    assert read_hints(write_hints(leaves)) == {
        Place(UUID(bytes=session), version): leaf_hash[:PRINT_BYTES] for session, version, leaf_hash in leaves
    }


def test_sessions_that_take_turns_cost_four_bytes_an_event_and_little_each() -> None:
    sessions = [UUID(int=number).bytes for number in range(10)]
    hints = write_hints((session, version, bytes(32)) for version in range(1, 101) for session in sessions)

    assert len(hints) == 4 + 10 * 28 + 1000 * 4


@given(leaves.filter(len), st.data())
def test_hints_that_are_cut_off_or_go_on_are_refused(
    leaves: list[tuple[bytes, int, bytes]], data: st.DataObject
) -> None:
    hints = write_hints(leaves)

    with pytest.raises(ValueError):
        read_hints(hints[: data.draw(st.integers(0, len(hints) - 1))])
    with pytest.raises(ValueError):
        read_hints(hints + b"\0")
