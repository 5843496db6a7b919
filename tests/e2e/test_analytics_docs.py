"""docs/analytics.md is true: its queries print what it says, on the demo data that it names."""

from pathlib import Path

import pytest

from tests.support.documented import PAGE, VIEWS, Example, described, examples, make_demo_data, printed


@pytest.fixture(scope="module")
def demo(conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    data_dir: Path = tmp_path_factory.mktemp("data")
    make_demo_data({"DATABASE_URL": conninfo, "VERBATIM_DATA_DIR": str(data_dir)})
    return conninfo


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.query.split("\n")[0][:40])
def test_a_query_prints_what_the_page_says(demo: str, example: Example) -> None:
    assert printed(demo, example.query) == example.printed


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.query.split("\n")[0][:40])
def test_a_query_is_short_and_reads_nothing_but_documented_views(example: Example) -> None:
    assert len(example.query.splitlines()) <= 12
    assert "live." not in example.query


def test_every_query_of_the_page_is_tried() -> None:
    assert PAGE.read_text().count("```sql") == len(examples()) >= 7


def test_the_page_describes_every_view_and_column_as_the_database_does() -> None:
    found = VIEWS.search(PAGE.read_text())

    assert found is not None
    assert found[0] == described()
