"""Runs the benchmarks one after another, and prints their tables.

`python -m benchmarks [--json] [--quick] [NAME ...]`, a NAME being that of a file beside this one

Each is a process of its own, so that none finds what another has left behind. With `--quick` they take
seconds and their figures say little: it shows that they run.
"""

import argparse
import os
import shutil
import subprocess
import sys

import msgspec

from benchmarks.harness import Results, console, progress

QUICK = {
    "append": ("--sessions", "4", "--rounds", "1", "--seconds", "0.2"),
    "deadlines": ("--pending", "1000", "--due", "10", "--seconds", "1"),
    "first_word": ("--pairs", "4", "--crowd", "4", "--words", "5"),
    "project": ("--events", "5000", "--rounds", "1", "--seconds", "0.5", "--rate", "100"),
    "reconnect": ("--clients", "10", "--rounds", "1", "--away", "0.3"),
    "thread": ("--messages", "10", "--words", "20", "--rounds", "1"),
    "transcript": ("--events", "20000", "--rounds", "3", "--sessions", "2"),
    "verify": ("--sessions", "60", "--rounds", "1"),
    "words": ("--seconds", "0.5", "--most", "20", "--sockets", "150"),
}
"""Every benchmark, with the options of a small dose."""

NEEDS = {"thread": "chromium"}
"""Programs without which one is left out, unless it is asked for by name."""


def main() -> int:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__, formatter_class=as_written)
    parser.add_argument("--json", action="store_true", help="print all keys as one JSON object, last")
    parser.add_argument("--quick", action="store_true", help="small doses")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(QUICK) + " [all]")
    options = parser.parse_args()
    if unknown := set(options.names) - set(QUICK):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}: give of {', '.join(QUICK)}")
    results: Results = {}
    for name in options.names or QUICK:
        if name in NEEDS and not options.names and not shutil.which(NEEDS[name]):
            progress(f"{name} is left out: {NEEDS[name]} is not installed")
            continue
        progress(f"[bold]{name}[/bold]")
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", "--json", *(QUICK[name] if options.quick else ())],
            env={**os.environ, "COLUMNS": str(console.width)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            progress(f"{name} broke off")
            return done.returncode
        table, _, keys = done.stdout.rstrip().rpartition("\n")
        print(table, flush=True)
        results |= msgspec.json.decode(keys, type=Results)
    if options.json:
        print(msgspec.json.encode(results).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
