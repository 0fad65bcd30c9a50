"""Metrics of several processes as one text that Prometheus can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from webjobs_api.monitoring.all_metrics import missing, named, parts_in
from webjobs_api.monitoring.metrics_text import joined, value_in
from webjobs_events.metrics import ServiceMetrics

Sample = tuple[str, tuple[tuple[str, str], ...], float]


def text_of_a_process(value: str = "a", count: int = 1) -> str:
    registry = CollectorRegistry()
    Gauge("plain", "Without labels.", registry=registry).set(count)
    counter = Counter("labelled", "With labels, {braces} and # signs.", ["kind"], registry=registry)
    counter.labels(value).inc(count)
    Histogram("times", "In buckets.", buckets=(0.1, 1), registry=registry).observe(0.5)
    return generate_latest(registry).decode()


def samples(text: str) -> list[Sample]:
    return [
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def test_a_text_without_labels_stays_as_it_is() -> None:
    text = text_of_a_process()
    assert joined([({}, text)]) == text


def test_samples_of_other_processes_get_labels_and_families_come_once() -> None:
    one, two = text_of_a_process("a", 1), text_of_a_process("b", 2)
    text = joined([({}, one), ({"service": "runner", "instance": "a1b2c3"}, two)])
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert len(comments) == len(set(comments)) == len([line for line in one.splitlines() if line[0] == "#"])
    assert samples(text).count(("plain", (), 1.0)) == 1
    assert ("plain", (("instance", "a1b2c3"), ("service", "runner")), 2.0) in samples(text)
    labels = (("instance", "a1b2c3"), ("kind", "b"), ("service", "runner"))
    assert ("labelled_total", labels, 2.0) in samples(text)


@given(st.text(), st.text(), st.text())
def test_label_values_survive(first: str, second: str, kind: str) -> None:
    text = joined([({"service": first}, text_of_a_process(kind)), ({"service": second}, text_of_a_process())])
    found = {dict(labels)["service"] for _, labels, _ in samples(text)}
    assert found == {first, second}
    assert {
        dict(labels).get("kind", kind) for _, labels, _ in samples(joined([({}, text_of_a_process(kind))]))
    } == {kind}


@pytest.mark.parametrize("text", ["", "\n", "no family 1\n", "# EOF\n", "# HELP x y\n# TYPE x gauge\n"])
def test_what_holds_no_sample_adds_none(text: str) -> None:
    own = text_of_a_process()
    assert samples(joined([({}, own), ({"a": "b"}, text)])) == samples(own)


def test_a_value_without_labels_is_read_from_a_text() -> None:
    text = '# TYPE slots gauge\nslots_max 9.0\nslots 2.0\nslots{a="b"} 3.0\n'
    assert (value_in(text, "slots"), value_in(text, "other")) == (2, None)


def reply(service: str, instance: str, pid: int = 1) -> ServiceMetrics:
    return ServiceMetrics(service=service, instance=instance, pid=pid, text=f"of {pid}")


def test_processes_of_one_instance_are_told_apart() -> None:
    found = [reply("history", "host", 1), reply("history", "host", 2), reply("runner", "a1b2c3", 3)]
    assert {part: metrics.text for part, metrics in named(found)} == {
        ("history", "host:1"): "of 1",
        ("history", "host:2"): "of 2",
        ("runner", "a1b2c3"): "of 3",
    }


@pytest.mark.parametrize(
    ("found", "expected", "down"),
    [
        ([], set(), {("runner", ""), ("history", "")}),
        ([reply("runner", "a")], {("runner", "b")}, {("runner", "b"), ("history", "")}),
        ([reply("runner", "a"), reply("history", "h")], {("runner", "a")}, set()),
        ([reply("runner", "a"), reply("history", "h")], {("history", "g")}, {("history", "g")}),
    ],
)
def test_who_does_not_reply_is_down(
    found: list[ServiceMetrics], expected: set[tuple[str, str]], down: set[tuple[str, str]]
) -> None:
    assert missing(parts_in(found), expected) == down
