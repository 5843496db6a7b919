"""Frames as bytes: what wsproto makes of ours, server-sent events, and the cache that encodes once."""

import gc
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

from api.frames import Connected, ConnectedInfo, Cursor, Pong, encode, frames_of
from api.wire import FrameCache, payloads, sse_event, text_frame
from tests.support.history import ASKED, history, words

SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]
"""Around the lengths where a frame's header grows."""


def read_by_a_client(wire: bytes) -> list[str]:
    """The texts in these bytes, as a client's own protocol reads them."""
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(wire)
    texts, pending = [], ""
    for frame in client.received_frames():
        pending += str(frame.payload)
        if frame.frame_finished and frame.message_finished:
            texts.append(pending)
            pending = ""
    assert not pending
    return texts


@pytest.mark.parametrize("size", SIZES)
def test_a_frame_of_any_size_is_what_the_protocol_would_have_written(size: int) -> None:
    text = "x" * size

    assert text_frame(text.encode()) == FrameProtocol(client=False, extensions=[]).send_data(text, True)


@given(st.lists(st.text(max_size=300)))
def test_frames_in_one_write_are_read_as_frames(texts: list[str]) -> None:
    wire = b"".join(text_frame(text.encode()) for text in texts)

    assert read_by_a_client(wire) == texts
    assert [payload.decode() for payload in payloads(wire)] == texts


@pytest.mark.parametrize("size", SIZES)
def test_payloads_of_any_size_are_found_again(size: int) -> None:
    wire = text_frame(b"a" * size) + text_frame(b"{}")

    assert [len(payload) for payload in payloads(wire)] == [size, 2]


def test_a_server_sent_event_has_the_type_of_its_frame_and_the_cursor_as_its_id() -> None:
    (chunk,) = frames_of(history(*ASKED, words("A "))[-1])

    lines = sse_event(chunk, encode(chunk)).split(b"\n")

    assert lines[:2] == [b"event: chunk", b"id: 4.2"]
    assert json.loads(lines[2].removeprefix(b"data: "))["chunk"] == "A "
    assert lines[3:] == [b"", b""]


def test_an_event_without_a_place_in_the_log_has_no_id() -> None:
    pong = Pong(done=False, complete=False)
    greeting = Connected(done=False, complete=False, metadata=ConnectedInfo("connected"))

    assert sse_event(pong, encode(pong)).startswith(b"event: pong\ndata: {")
    assert sse_event(greeting, encode(greeting)).startswith(b"event: connected\ndata: {")


@given(st.text())
def test_no_text_breaks_out_of_its_event(text: str) -> None:
    (chunk,) = frames_of(history(*ASKED, words(text + "."))[-1])

    event = sse_event(chunk, encode(chunk))

    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 4
    assert b"\r" not in event


# --- the cache


def test_all_who_follow_get_the_very_same_bytes() -> None:
    cache, recorded = FrameCache(), history(*ASKED, words("A ", "novated "))

    first, second = cache.wire(recorded[3], Cursor(3)), cache.wire(recorded[3], Cursor(0))

    assert first is second


def test_one_who_comes_back_in_the_middle_of_an_event_gets_the_rest_and_spoils_it_for_nobody() -> None:
    cache, recorded = FrameCache(), history(*ASKED, words("A ", "novated "))

    rest = cache.wire(recorded[3], Cursor(4, 4))
    whole = cache.wire(recorded[3], Cursor(3))

    assert [json.loads(text)["chunk"] for text in read_by_a_client(rest)] == ["vated "]
    assert [json.loads(text)["chunk"] for text in read_by_a_client(whole)] == ["A ", "novated "]


def test_an_event_that_is_told_to_nobody_is_no_bytes() -> None:
    start, _, reply_started = history(*ASKED)

    assert [FrameCache().wire(each, Cursor(0)) for each in (start, reply_started)] == [b"", b""]


def test_what_nobody_holds_any_more_is_forgotten() -> None:
    cache = FrameCache()
    assert cache.wire(history(*ASKED, words("A "))[-1], Cursor(0))

    gc.collect()

    assert len(cache._wire) == 0
