"""Questions about many jobs are asked in parts that fit into a message."""

import pytest
from webjobs_api.backends.history import in_parts
from webjobs_events.jetstream import QueryRefused
from webjobs_rules.job import JobName

NAMES = [JobName(f"job{number:03}") for number in range(23)]


class Asked:
    """Answers each name by its length, unless too many are asked for at once."""

    def __init__(self, most: int, code: int = 413) -> None:
        self.most = most
        self.code = code
        self.sizes: list[int] = []

    async def __call__(self, names: list[JobName]) -> list[str]:
        self.sizes.append(len(names))
        if len(names) > self.most:
            raise QueryRefused(self.code, "too large")
        return [name.upper() for name in names]


async def test_every_name_is_answered_once_and_in_order() -> None:
    asked = Asked(most=1000)
    assert await in_parts(NAMES, asked, at_once=5) == [name.upper() for name in NAMES]
    assert asked.sizes == [5, 5, 5, 5, 3]


async def test_where_an_answer_is_too_large_fewer_are_asked_for() -> None:
    asked = Asked(most=4)
    assert await in_parts(NAMES, asked) == [name.upper() for name in NAMES]
    assert max(asked.sizes) == len(NAMES)


async def test_no_names_are_one_question() -> None:
    asked = Asked(most=4)
    assert await in_parts([], asked) == []
    assert asked.sizes == [0]


@pytest.mark.parametrize(("most", "code"), [(0, 413), (4, 503)])
async def test_a_refusal_that_fewer_names_do_not_mend_is_passed_on(most: int, code: int) -> None:
    with pytest.raises(QueryRefused) as refused:
        await in_parts(NAMES, Asked(most, code))
    assert refused.value.code == code
