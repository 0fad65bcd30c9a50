"""A long-living part is ready when entered, ended when left, and ended too when it cannot become ready."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from webjobs_service.lifetime import LongLived


class Part(LongLived):
    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.steps: list[str] = []

    @contextlib.asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        self.steps.append("begun")
        try:
            if self.fails:
                raise OSError("not ready")
            yield
            self.steps.append("ended well")
        finally:
            self.steps.append("put away")


async def test_it_is_ready_inside_and_can_be_entered_again() -> None:
    part = Part()
    async with part as entered:
        assert entered is part and part.steps == ["begun"]
    assert part.steps == ["begun", "ended well", "put away"]
    async with part:
        pass
    assert part.steps == ["begun", "ended well", "put away"] * 2


async def test_an_error_of_the_body_reaches_it_and_goes_on() -> None:
    part = Part()
    with pytest.raises(ValueError, match="body"):
        async with part:
            raise ValueError("body")
    assert part.steps == ["begun", "put away"]


async def test_one_that_cannot_become_ready_is_put_away() -> None:
    part = Part(fails=True)
    with pytest.raises(OSError, match="not ready"):
        async with part:
            raise AssertionError("entered")
    assert part.steps == ["begun", "put away"]
