"""What operators measure, and `docs/metrics.md` explains. Each application has its own, in its own registry.

Commits, looks and deadlines are measured as they happen; what becomes of replies is read from the events that
this process has recorded. Nothing is counted word by word.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from domain.events import ReplyChunksRecorded, ReplyFailed
from domain.ports import Recorded
from infrastructure.clock import system_time

BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
COMMITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
LAGS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
DELAYS = (0.25, 0.5, 1, 2, 5, 10, 30, 60)
FIRST_WORDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)


class Meters:
    """All of them. Without a registry they are kept all the same, and nobody reads them."""

    def __init__(
        self, registry: CollectorRegistry | None = None, now: Callable[[], datetime] = system_time
    ) -> None:
        self._now = now
        self.open_sockets = Gauge("verbatim_open_sockets", "WebSockets that are open", registry=registry)
        self.live_replies = Gauge(
            "verbatim_live_replies", "Replies that this process is speaking", registry=registry
        )
        self.append_queue = Gauge(
            "verbatim_append_queue_commands", "Commands that wait to be sent to the log", registry=registry
        )
        self.doorbell = Gauge(
            "verbatim_doorbell_connected", "Whether this process hears the others ring", registry=registry
        )
        self.overdue = Gauge(
            "verbatim_deadline_overdue_seconds",
            "For how long the session that has been due longest waits for a process to look at it",
            registry=registry,
        )
        self._batches = Histogram(
            "verbatim_append_batch_commands",
            "Commands that were committed in one transaction",
            registry=registry,
            buckets=BATCHES,
        )
        self._commits = Histogram(
            "verbatim_append_seconds",
            "From when the first command of a transaction was given to the writer until its commit was known",
            registry=registry,
            buckets=COMMITS,
        )
        self.conflicts = Counter(
            "verbatim_append_conflicts_total",
            "Appends that were decided again because another writer was first",
            registry=registry,
        )
        self._lags = Histogram(
            "verbatim_tail_lag_seconds",
            "From when another process recorded an event until a session that is followed here had it",
            registry=registry,
            buckets=LAGS,
        )
        self._delays = Histogram(
            "verbatim_deadline_delay_seconds",
            "How late sessions were looked at after they had fallen due",
            registry=registry,
            buckets=DELAYS,
        )
        self._first_words = Histogram(
            "verbatim_first_word_seconds",
            "From when a reply was started until its first words were on the record",
            registry=registry,
            buckets=FIRST_WORDS,
        )
        self._failures = Counter(
            "verbatim_reply_failures_total", "Replies that broke off", ("reason",), registry=registry
        )

    def committed(self, commands: int, seconds: float) -> None:
        """A transaction has been committed."""
        self._batches.observe(commands)
        self._commits.observe(seconds)

    def recorded(self, news: Sequence[Recorded]) -> None:
        """This process has recorded something. Called for each batch of words: little may be done."""
        for recorded in news:
            event = recorded.event
            if isinstance(event, ReplyChunksRecorded):
                reply = recorded.session.reply
                if reply and reply.said.count == len(event.parts):
                    self._first_words.observe(self._since(reply.started_at))
            elif isinstance(event, ReplyFailed):
                self._failures.labels(event.reason).inc()

    def learned(self, news: Sequence[Recorded]) -> None:
        """Something that another process has recorded has come in: the first of it is the oldest."""
        if news:
            self._lags.observe(self._since(news[0].at))

    def looked_at(self, delays: Iterable[float]) -> None:
        """Sessions are looked at, so many seconds after they fell due."""
        for delay in delays:
            self._delays.observe(delay)

    def _since(self, then: datetime) -> float:
        """Seconds; none at least, since two processes' clocks may differ by some milliseconds."""
        return max(0.0, (self._now() - then).total_seconds())
