from datetime import timedelta
from typing import Any

import pytest
from unit.api.views import NOW, definition, instance, run
from webjobs_api.http.dialects import KUDU, LEGACY, Dialect
from webjobs_api.http.entity_tags import entity_tag
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

LATER = NOW + timedelta(seconds=5)
RUNNING = run(Status.RUNNING, ended_at=None)
BOTH = pytest.mark.parametrize("dialect", [LEGACY, KUDU], ids=["legacy", "kudu"])


@BOTH
def test_a_run_that_goes_on_keeps_its_tag(dialect: Dialect) -> None:
    written, urls = dialect.responses, dialect.urls("http://host")
    for now, later in (
        (written.run_json(RUNNING, urls, NOW), written.run_json(RUNNING, urls, LATER)),
        (written.runs_json([RUNNING], urls, NOW), written.runs_json([RUNNING], urls, LATER)),
        (
            [written.triggered_job_json(definition(), RUNNING, urls, NOW)],
            [written.triggered_job_json(definition(), RUNNING, urls, LATER)],
        ),
    ):
        assert now != later
        assert entity_tag(now) == entity_tag(later)


@BOTH
def test_what_is_new_has_another_tag(dialect: Dialect) -> None:
    written, urls = dialect.responses, dialect.urls("http://host")
    job = definition(job_type=JobType.CONTINUOUS)

    def triggered(**changes: Any) -> Any:
        return written.triggered_job_json(definition(**changes), run(), urls, NOW)

    answers = [
        [],
        triggered(),
        triggered(script="other.cmd"),
        [triggered()],
        [triggered(), triggered()],
        written.triggered_job_json(definition(), None, urls, NOW),
        written.triggered_job_json(definition(), RUNNING, urls, NOW),
        written.runs_json([], urls, NOW),
        written.runs_json([run()], urls, NOW),
        written.runs_json([run(Status.ABORTED)], urls, NOW),
        written.continuous_job_json(job, [instance("a", Status.RUNNING)], urls),
        written.continuous_job_json(job, [instance("a", Status.STOPPED)], urls),
    ]
    assert len({entity_tag(answer) for answer in answers}) == len(answers)


def test_settings_change_the_tag_of_an_answer_that_does_not_show_them() -> None:
    tags = {entity_tag([], settings) for settings in ({}, {"a": {"is_singleton": True}}, {"a": {}})}
    assert len(tags) == 3
    assert entity_tag([], {"a": {"x": 1, "y": 2}}) == entity_tag([], {"a": {"y": 2, "x": 1}})
