"""When conversations start: in Australian office hours mostly, on weekends less, and a bit more every day."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random

LOCAL = timedelta(hours=10)
"""From UTC to the visitors' own time."""

HOURS = (3, 1, 1, 1, 1, 2, 5, 14, 30, 48, 55, 52, 62, 58, 50, 46, 40, 30, 22, 24, 27, 22, 14, 7)
WEEKDAYS = (1.0, 1.06, 1.04, 0.98, 0.82, 0.34, 0.3)
GROWTH = 0.4
"""So much busier is the last day than the first."""


def starts(random: Random, sessions: int, days: int, until: date) -> list[datetime]:
    """So many times, in order, on the days up to and including `until`, in UTC."""
    first = datetime.combine(until, time(), UTC) - timedelta(days=days - 1)
    # Not in the very last hour: what starts then would go on after the last day.
    hours = [first + timedelta(hours=hour) for hour in range(days * 24 - 1)]
    weights = [_weight(hour, number / len(hours)) for number, hour in enumerate(hours)]
    chosen = random.choices(hours, weights, k=sessions)
    return sorted(hour + timedelta(milliseconds=random.randrange(3_600_000)) for hour in chosen)


def load(at: datetime) -> float:
    """How busy it is at a time, from 0 to 1."""
    return HOURS[(at + LOCAL).hour] / max(HOURS)


def _weight(hour: datetime, progress: float) -> float:
    local = hour + LOCAL
    return HOURS[local.hour] * WEEKDAYS[local.weekday()] * (1 + GROWTH * progress)
