"""The types of the browser's client are those of the service."""

from tests.support import typescript


def test_the_client_knows_the_frames_as_the_service_has_them() -> None:
    written = typescript.MODULE.read_text()

    assert written == typescript.module(), "write it anew: python -m tests.support.typescript"
