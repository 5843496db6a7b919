"""Where the command `verbatim` begins.

The imports take most of a start, and Ctrl+C is no fault of theirs: until they are done it ends the process
without a word. It isn't left to KeyboardInterrupt, in the middle of which some extension modules crash.
"""

import os
import signal
import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    usual = signal.getsignal(signal.SIGINT)  # to ignore it, where whoever started us says so
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
    if sys.argv[1:2] == ["serve"]:
        # Told to stop, a service does what it is asked for, also where it hasn't begun. Later, `run` sees
        # to that.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    from api.cli import main

    signal.signal(signal.SIGINT, usual)
    main()


if __name__ == "__main__":
    main()
