"""Names on NATS: every job name has a token of its own, and only legal characters come out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.messages import events, job_names, run_ids
from webjobs_events.commands import JOB_VERBS
from webjobs_events.errors import InvalidToken
from webjobs_events.events import Event
from webjobs_events.subjects import Subjects, name_of, token_of
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobType

SUBJECTS = Subjects()
TOKEN = re.compile(r"[A-Za-z0-9_=-]+")
KEY = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)+")  # what nats clients accept as the key of a bucket
job_types = st.sampled_from(JobType)


@given(job_names)
def test_a_token_turns_back_into_its_name(name: str) -> None:
    assert name_of(token_of(name)) == name


@given(job_names, job_names)
def test_two_names_never_share_a_token(one: str, other: str) -> None:
    assert (token_of(one) == token_of(other)) == (one == other)


@given(job_names)
def test_a_token_is_one_legal_token_of_a_subject(name: str) -> None:
    assert TOKEN.fullmatch(token_of(name))


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("hello", "hello"),
        ("Night_ly-2", "Night_ly-2"),
        ("a.b", "a=2Eb"),
        ("a b", "a=20b"),
        ("=2E", "=3D2E"),
        ("*", "=2A"),
        (">", "=3E"),
        ("é", "=C3=A9"),
        ("任务", "=E4=BB=BB=E5=8A=A1"),
    ],
)
def test_the_encoding_is_the_documented_one(name: str, token: str) -> None:
    assert token_of(name) == token
    assert name_of(token) == name


@pytest.mark.parametrize("name", ["", "\ud800", "file\udcff"])
def test_a_name_that_no_subject_can_carry_is_refused(name: str) -> None:
    with pytest.raises(InvalidJobName):
        token_of(name)


@pytest.mark.parametrize(
    "token", ["", "=", "=4", "=zz", "=c3=a9", "=C3", "=41", "=ED=A0=80", "a.b", "a b", "a*", "é", "a\n"]
)
def test_a_token_that_no_name_gives_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        name_of(token)


@given(st.text("=0123456789ABCDEFabcdefz.", max_size=12))
def test_no_two_tokens_stand_for_one_name(token: str) -> None:
    try:
        name = name_of(token)
    except InvalidToken:
        return
    assert token_of(name) == token


@given(job_types, job_names, run_ids)
def test_every_key_is_legal(job_type: JobType, name: str, run_id: str) -> None:
    for key in (
        SUBJECTS.definition_key(job_type, name),
        SUBJECTS.singleton_key(name),
        SUBJECTS.claim_key(name, run_id),
        SUBJECTS.instance_key("327e1e"),
    ):
        assert KEY.fullmatch(key)


@given(job_types, job_names)
def test_a_definition_key_tells_its_job(job_type: JobType, name: str) -> None:
    assert Subjects.parse_definition_key(Subjects.definition_key(job_type, name)) == (job_type, name)


@pytest.mark.parametrize(
    "key", ["", "triggered", "triggered.", "sometimes.a", ".a", "continuous.a.b", "triggered.=41"]
)
def test_a_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(InvalidToken):
        Subjects.parse_definition_key(key)


@given(job_types, job_names, st.sampled_from(("run", *JOB_VERBS)), run_ids)
def test_commands_and_logs_lie_under_their_streams(
    job_type: JobType, name: str, verb: str, source: str
) -> None:
    assert _matches(SUBJECTS.all_commands, SUBJECTS.command(job_type, name, verb))
    assert _matches(SUBJECTS.all_logs, SUBJECTS.log(job_type, name, source))


@given(events)
def test_an_event_lies_under_the_stream_of_events_and_ends_in_its_name(event: Event) -> None:
    subject = event.subject(SUBJECTS)
    assert _matches(SUBJECTS.all_events, subject)
    assert subject.split(".")[2] == event.kind
    assert subject.rpartition(".")[2] == event.name


@given(job_names)
def test_run_commands_and_job_commands_never_mix(name: str) -> None:
    run = SUBJECTS.command(JobType.TRIGGERED, name, "run")
    in_a_slot = SUBJECTS.command(JobType.TRIGGERED, name, "run", "202601020304056789")
    assert [_matches(pattern, run) for pattern in SUBJECTS.run_commands] == [True, False]
    assert [_matches(pattern, in_a_slot) for pattern in SUBJECTS.run_commands] == [False, True]
    filters = SUBJECTS.job_commands(JOB_VERBS)
    assert not any(_matches(pattern, each) for pattern in filters for each in (run, in_a_slot))
    for verb in JOB_VERBS:
        deploy = SUBJECTS.command(JobType.CONTINUOUS, name, verb)
        assert sum(_matches(pattern, deploy) for pattern in filters) == 1
        assert not any(_matches(pattern, deploy) for pattern in SUBJECTS.run_commands)


def test_an_asterisk_asks_for_any_job() -> None:
    pattern = SUBJECTS.command(JobType.TRIGGERED, "*", "run")
    assert SUBJECTS.run_commands == [pattern, f"{pattern}.*"]
    assert SUBJECTS.job_event("triggered", "*", "Success") == "webjobs.events.triggered.*.Success"


def test_two_namespaces_share_no_name() -> None:
    one, other = Subjects("one"), Subjects("other")
    for attribute in ("commands_stream", "events_stream", "logs_stream", "dead_letters_stream"):
        assert getattr(one, attribute) != getattr(other, attribute)
    for attribute in ("all_commands", "all_events", "all_logs", "all_dead_letters", "queries_group"):
        assert not _matches(getattr(one, attribute), getattr(other, attribute))
    for attribute in ("jobs_bucket", "packages_bucket", "settings_bucket", "leases_bucket"):
        assert getattr(one, attribute) != getattr(other, attribute)


def _matches(pattern: str, subject: str) -> bool:
    """Whether NATS would deliver a subject to this filter; false too when the subject is not legal."""
    tokens = subject.split(".")
    if not all(TOKEN.fullmatch(token) for token in tokens):
        return False
    wanted = pattern.split(".")
    if wanted[-1] == ">":
        return len(tokens) >= len(wanted) and all(
            want in ("*", token) for want, token in zip(wanted[:-1], tokens, strict=False)
        )
    return len(tokens) == len(wanted) and all(
        want in ("*", token) for want, token in zip(wanted, tokens, strict=True)
    )
