"""Python's garbage collector, for processes that make many objects and hardly any cycles."""

import gc


def calm_collector() -> None:
    """Let it look seldom: what stands now stands to the end, and nearly all that comes later goes without it.

    At its usual pace it would take a tenth of a busy process's time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
