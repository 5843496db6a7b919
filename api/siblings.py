"""Workers that share a port share what is measured, too: whoever is asked answers for all of them.

Each worker listens on a socket file of its own as well, in a folder that only their user can enter.
"""

import asyncio
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

PATIENCE_SECONDS = 2.0
"""Whoever takes longer than that to tell is left out: it may just have died."""


def socket_file(folder: Path, number: int) -> Path:
    """Where a worker listens for its siblings."""
    return folder / f"{number}.sock"


def bound_for_siblings(folder: Path, number: int) -> socket.socket:
    """The socket of a worker: who replaces it gets the same."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(socket_file(folder, number)))
    return bound


class Siblings:
    """All workers of a port, the one who asks among them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def measured(self, authorization: str) -> CollectorRegistry:
        """What each of them measures, told apart by the label `worker`."""
        files = sorted(self._folder.glob("*.sock"))
        texts = await asyncio.gather(*(_metrics_of(file, authorization) for file in files))
        registry = CollectorRegistry()
        registry.register(_Merged([(file.stem, text) for file, text in zip(files, texts, strict=True)]))
        return registry


async def _metrics_of(file: Path, authorization: str) -> str:
    # Imported where it is wanted, by workers alone.
    import httpx2

    transport = httpx2.AsyncHTTPTransport(uds=str(file))
    async with httpx2.AsyncClient(transport=transport, timeout=PATIENCE_SECONDS) as http:
        try:
            answer = await http.get("http://worker/metrics", headers={"Authorization": authorization})
        except httpx2.TransportError:
            return ""
    return answer.text if answer.status_code == 200 else ""


class _Merged:
    def __init__(self, texts: Sequence[tuple[str, str]]) -> None:
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for worker, text in self._texts:
            for family in _families(text):
                merged = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    labels = {**sample.labels, "worker": worker}
                    merged.samples.append(sample._replace(labels=labels))
        yield from families.values()


def _families(text: str) -> Iterable[Metric]:
    # The text format tells when a counter began as a gauge of its own: it has no place for it, and no reader.
    return (each for each in text_string_to_metric_families(text) if not each.name.endswith("_created"))
