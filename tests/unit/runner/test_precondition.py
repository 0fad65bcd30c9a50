import pytest
from webjobs_events.files import Condition
from webjobs_runner.domain.precondition import PreconditionFailed, check

NOW = "now"
BEFORE = "before"


@pytest.mark.parametrize(
    ("match", "none_match", "etag", "may"),
    [
        (None, None, None, True),
        (None, None, NOW, False),
        (("*",), None, None, True),
        (("*",), None, NOW, True),
        ((NOW,), None, NOW, True),
        ((BEFORE, NOW), None, NOW, True),
        ((BEFORE,), None, NOW, False),
        ((BEFORE,), None, None, False),
        ((), None, NOW, False),
        (None, ("*",), None, True),
        (None, ("*",), NOW, False),
        (None, (NOW,), NOW, False),
        (None, (BEFORE,), NOW, True),
        ((NOW,), ("*",), NOW, False),
    ],
)
def test_a_file_is_changed_only_by_who_knows_how_it_is(
    match: tuple[str, ...] | None, none_match: tuple[str, ...] | None, etag: str | None, may: bool
) -> None:
    condition = Condition(match=match, none_match=none_match)
    if may:
        check(condition, etag)
    else:
        with pytest.raises(PreconditionFailed) as caught:
            check(condition, etag)
        assert caught.value.etag == (etag or "")
