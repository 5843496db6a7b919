"""What some tests need beside Python: they are skipped where it isn't there, unless nothing may be."""

import os
import shutil
from pathlib import Path

import pytest


def program(name: str, package: str) -> str:
    """The path of a program, which one of Debian's packages has."""
    return needed(shutil.which(name), f"{name} is not installed: apt-get install {package}")


def needed(path: Path | str | None, how: str) -> str:
    """A path, if that is there; else the test ends here, with `how` to get it."""
    if path and Path(path).exists():
        return str(path)
    if os.environ.get("VERBATIM_TEST_SKIPS") == "none":  # as .ci/run has it
        pytest.fail(how)
    pytest.skip(how)
