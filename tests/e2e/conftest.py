"""What tests of commands share: settings for a database of their own, and the command in this process."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli import main
from tests.support.commands import Run


@pytest.fixture
def environment(new_conninfo: str, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}


@pytest.fixture
def run(environment: Mapping[str, str]) -> Run:
    """The command in this process, with settings of its own."""

    def run(*arguments: str, **settings: str) -> Result:
        return CliRunner().invoke(main, arguments, env={**environment, **settings})

    return run
