"""Heartbeats of this release, of earlier ones, and of later ones."""

import msgspec
from webjobs_events.heartbeat import EnvironmentsReport, Heartbeat, decode_heartbeat, encode_heartbeat


class _EarlierHeartbeat(msgspec.Struct):
    """As release 0.2.0 reads it."""

    boot: str
    slots: int | None = None


def test_an_earlier_release_reads_what_this_one_sends() -> None:
    sent = encode_heartbeat(Heartbeat(boot="1", slots=2, environments=EnvironmentsReport(count=3)))
    read = msgspec.json.decode(sent, type=_EarlierHeartbeat)
    assert (read.boot, read.slots) == ("1", 2)


def test_what_an_earlier_release_does_not_send_is_unknown() -> None:
    assert decode_heartbeat(b'{"boot":"1"}').environments is None
    report = decode_heartbeat(b'{"boot":"1","environments":{}}').environments
    assert report is not None and (report.count, report.preparing) == (None, [])


def test_what_a_later_release_adds_is_passed_over() -> None:
    preparing = b'{"job_type":"new","job_name":"j","since":"2026-01-02T03:04:05Z","more":[1]}'
    sent = b'{"boot":"1","later":{},"environments":{"later":1,"preparing":[' + preparing + b"]}}"
    report = decode_heartbeat(sent).environments
    assert report is not None and [each.job_name for each in report.preparing] == ["j"]
