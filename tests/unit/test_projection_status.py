"""How projections come on, as it is told."""

from projections.status import BuildStatus, at_their_pace


def test_what_is_left_is_told_at_the_pace_of_now() -> None:
    def standing(position: int, state: str = "building") -> BuildStatus:
        return BuildStatus("sessions_2", "sessions", 2, state, position, 5_000, 0, is_driven=True)

    (timed,) = at_their_pace([standing(1_000)], [standing(2_000)], seconds=2)
    (stuck,) = at_their_pace([standing(1_000)], [standing(1_000)], seconds=2)
    (live,) = at_their_pace([standing(1_000, "live")], [standing(2_000, "live")], seconds=2)

    assert (timed.seconds_left, stuck.seconds_left, live.seconds_left) == (6, None, None)
