"""What becomes of programs that prepare environments, and how their failures are told apart."""

from pathlib import Path

import pytest
from support.fake_programs import FakePrograms
from webjobs_environments.tools import Tools
from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.errors import DependenciesRefused, DependenciesUnavailable, WebJobsError


async def must(output: str | Exception, home: Path) -> None:
    tools = Tools(FakePrograms([output]), {"HOME": str(home)})
    await tools.must(["uv"], folder="/", stage=PreparationStage.RESOLVE, failure="a cannot be resolved")


@pytest.mark.parametrize(
    ("output", "raised", "says"),
    [
        ("error: nothing fits", DependenciesRefused, r"^a cannot be resolved:\nerror: nothing fits$"),
        ("error: dns error", DependenciesUnavailable, "an index of packages is away"),
        ("error: No space left on device", OSError, "No space left"),
        ("", DependenciesUnavailable, "^a cannot be resolved: the program was killed"),
        (WebJobsError("too many processes"), DependenciesUnavailable, "^a cannot be resolved: too many proc"),
    ],
)
async def test_each_failure_is_refused_or_may_be_tried_again(
    output: str | Exception, raised: type[Exception], says: str, tmp_path: Path
) -> None:
    with pytest.raises(raised, match=says):
        await must(output, tmp_path)
    assert not list(tmp_path.iterdir())
