"""The command line, as a test runs it: in its own process."""

from collections.abc import Callable

from click.testing import Result

Run = Callable[..., Result]
"""Takes a command's arguments and, by name, settings of its own."""
