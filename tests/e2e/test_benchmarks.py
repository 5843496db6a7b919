"""The benchmarks run, and print the keys that others compare. How fast they are is no matter of a test."""

import math
import sys
from collections.abc import Iterator
from subprocess import PIPE, Popen

import msgspec
import pytest

KEYS = {
    "append": ["vs_stock", "vs_raw", "ours_per_second", "raw_per_second", "stock_per_second"],
    "first_word": [
        "added_ms_p50",
        "added_ms_p99",
        "added_ms_p50_1",
        "added_ms_p99_1",
        "added_ms_p50_leading",
        "direct_ms_p50_1",
    ],
    "transcript": ["growth", "read_ms_p50_least", "read_ms_p50_most"],
    "verify": ["events_per_s", "events_per_cpu_s", "log_per_s", "signed_per_s"],
    "words": ["cpu_us_per_word", "disk_bytes_per_word", "kb_per_socket"],
}


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, Popen[str]]]:
    """All of them, started at once: alone each would mostly wait."""
    command = (sys.executable, "-m", "benchmarks", "--quick", "--json")
    processes = {name: Popen((*command, name), stdout=PIPE, text=True) for name in KEYS}
    yield processes
    for process in processes.values():
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", KEYS)
def test_a_benchmark_runs_and_its_last_line_has_its_keys(name: str, processes: dict[str, Popen[str]]) -> None:
    output, _ = processes[name].communicate()
    assert processes[name].returncode == 0
    results = msgspec.json.decode(output.splitlines()[-1], type=dict[str, float])
    assert set(KEYS[name]) <= set(results)
    assert all(math.isfinite(value) and value > 0 for value in results.values()), results
