"""What the log of a deployment says that is in neither queue nor history."""

from datetime import timedelta

import pytest
from webjobs_api.backends.job_deployment import DeploymentState, end_in_log
from webjobs_events.commands import CommandReply, ReplyCode

NOW, LATER = timedelta(seconds=59), timedelta(seconds=61)
DONE = CommandReply(code=ReplyCode.DONE, revision=3)
REFUSED = CommandReply(code=ReplyCode.BAD_UPLOAD, message="It is no archive.")


@pytest.mark.parametrize(
    ("reply", "age", "state", "code"),
    [
        (None, NOW, DeploymentState.PREPARING, None),
        (None, LATER, DeploymentState.FAILED, ReplyCode.FAILED),
        (DONE, NOW, DeploymentState.PREPARING, None),
        (DONE, LATER, DeploymentState.DEPLOYED, ReplyCode.DONE),
        (REFUSED, NOW, DeploymentState.FAILED, ReplyCode.BAD_UPLOAD),
        (REFUSED, LATER, DeploymentState.FAILED, ReplyCode.BAD_UPLOAD),
    ],
)
def test_a_deployment_of_which_only_a_log_is_left(
    reply: CommandReply | None, age: timedelta, state: DeploymentState, code: ReplyCode | None
) -> None:
    end = end_in_log(reply, age)
    assert (end.state, end.code) == (state, code)
    assert bool(end.text) == (state is DeploymentState.FAILED)


def test_what_was_lost_with_its_runner_says_what_to_do() -> None:
    assert "deploy again" in end_in_log(None, LATER).text
    assert end_in_log(REFUSED, NOW).text == REFUSED.message
