"""What tests of a service share: an assistant on strings, and whether it has made a mistake."""

from collections.abc import Iterator

import pytest

from tests.support.puppet import Puppet
from tests.support.service import complaints


@pytest.fixture(scope="module")
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
def nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert complaints(caplog) == []
