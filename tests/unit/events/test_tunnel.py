"""A tunnel keeps bytes in order and complete, holds its writer back, and ends as TCP does."""

import asyncio
from collections import deque

import pytest
from webjobs_events.jetstream import TunnelTransport
from webjobs_events.tunnel import WINDOW, Frame, FrameKind, MalformedFrame, decode_frame, encode_frame


class Speaker(asyncio.Protocol):
    """Remembers all that it was told."""

    def __init__(self, *, stays_open: bool = True) -> None:
        self.received = bytearray()
        self.has_eof = False
        self.may_write = True
        self.lost: list[Exception | None] = []
        self.stays_open = stays_open

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> bool:
        self.has_eof = True
        return self.stays_open

    def pause_writing(self) -> None:
        self.may_write = False

    def resume_writing(self) -> None:
        self.may_write = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


class Pair:
    """Two ends, and the frames on their way between them."""

    def __init__(self, *, stays_open: bool = True) -> None:
        self.on_way: deque[tuple[TunnelTransport, Frame]] = deque()
        self.gone: list[str] = []
        self.a = TunnelTransport(lambda frame: self.send(self.b, frame), lambda: self.gone.append("a"))
        self.b = TunnelTransport(lambda frame: self.send(self.a, frame), lambda: self.gone.append("b"))
        self.at_a, self.at_b = Speaker(), Speaker(stays_open=stays_open)
        self.a.attach(self.at_a)
        self.b.attach(self.at_b)

    def send(self, to: TunnelTransport, frame: Frame) -> None:
        self.on_way.append((to, decode_frame(encode_frame(frame))))

    async def settle(self) -> None:
        """Deliver everything, and let everybody react, until nothing moves any more."""
        for _ in range(3):
            await asyncio.sleep(0)
            while self.on_way:
                to, frame = self.on_way.popleft()
                to.take(frame)


@pytest.mark.parametrize("payload", [b"", b"\1", b"\0" * 9, b"\xff" * 9])
def test_what_is_no_frame_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode_frame(payload)


async def test_bytes_arrive_whole_and_in_order_both_ways() -> None:
    pair = Pair()
    there, back = bytes(range(256)) * 9000, b"answer"
    pair.a.write(there)
    pair.b.write(back)
    await pair.settle()
    assert bytes(pair.at_b.received) == there
    assert bytes(pair.at_a.received) == back


async def test_what_comes_before_the_protocol_waits_for_it() -> None:
    pair = Pair()
    late = TunnelTransport(lambda frame: None, lambda: None)
    late.take(Frame(FrameKind.DATA, 0, b"early"))
    late.take(Frame(FrameKind.EOF, 5))
    speaker = Speaker()
    late.attach(speaker)
    await pair.settle()
    assert (bytes(speaker.received), speaker.has_eof) == (b"early", True)


async def test_a_reader_that_pauses_holds_its_writer_back() -> None:
    pair = Pair()
    await pair.settle()
    pair.b.pause_reading()
    pair.a.write(b"x" * (2 * WINDOW))
    await pair.settle()
    assert not pair.at_a.may_write
    assert len(pair.at_b.received) == 0
    assert pair.a.get_write_buffer_size() == WINDOW
    pair.b.resume_reading()
    await pair.settle()
    assert pair.at_a.may_write
    assert len(pair.at_b.received) == 2 * WINDOW


async def test_half_of_it_can_be_closed() -> None:
    pair = Pair()
    pair.a.write(b"question")
    pair.a.write_eof()
    await pair.settle()
    assert pair.at_b.has_eof
    pair.b.write(b"answer")
    await pair.settle()
    assert bytes(pair.at_a.received) == b"answer"
    assert pair.gone == []


async def test_an_end_that_does_not_stay_open_closes_both() -> None:
    pair = Pair(stays_open=False)
    pair.a.write_eof()
    await pair.settle()
    assert sorted(pair.gone) == ["a", "b"]
    assert (pair.at_a.lost, pair.at_b.lost) == ([None], [None])


async def test_closing_sends_what_was_written_and_more_than_the_window() -> None:
    pair = Pair()
    pair.a.write(b"y" * (3 * WINDOW))
    pair.a.close()
    await pair.settle()
    assert len(pair.at_b.received) == 3 * WINDOW
    assert pair.at_b.has_eof
    assert sorted(pair.gone) == ["a", "b"]
    assert pair.at_b.lost == [None]


async def test_a_slow_reader_gets_all_that_was_sent_before_the_end() -> None:
    pair = Pair()
    await pair.settle()
    pair.b.pause_reading()
    pair.a.write(b"last words")
    await pair.settle()
    pair.a.abort()
    await pair.settle()
    assert not pair.b.expects_more
    assert pair.at_b.lost == []
    pair.b.resume_reading()
    await pair.settle()
    assert bytes(pair.at_b.received) == b"last words"
    assert isinstance(pair.at_b.lost[0], ConnectionResetError)


async def test_a_lost_message_resets_the_tunnel() -> None:
    pair = Pair()
    for piece in (b"one", b"two", b"three"):
        pair.a.write(piece)
    del pair.on_way[1]
    await pair.settle()
    assert bytes(pair.at_b.received) == b"one"
    assert isinstance(pair.at_b.lost[0], ConnectionResetError)
    assert isinstance(pair.at_a.lost[0], ConnectionResetError)


async def test_a_message_lost_at_the_very_end_does_not_pass_for_the_end() -> None:
    pair = Pair()
    pair.a.write(b"one")
    pair.a.write_eof()
    del pair.on_way[0]
    await pair.settle()
    assert not pair.at_b.has_eof
    assert isinstance(pair.at_b.lost[0], ConnectionResetError)


async def test_after_the_end_nothing_is_sent_or_told_any_more() -> None:
    pair = Pair()
    pair.a.abort()
    await pair.settle()
    pair.a.write(b"late")
    pair.a.write_eof()
    pair.a.close()
    pair.a.abort()
    pair.b.take(Frame(FrameKind.DATA, 0, b"late"))
    await pair.settle()
    assert not pair.on_way
    assert (len(pair.at_a.lost), len(pair.at_b.lost)) == (1, 1)
    assert not pair.at_b.received
