"""Each job has a port of its own, the same one as long as nobody else has it."""

import socket

from webjobs_rules.job import JobName
from webjobs_runner.continuous.ports import Ports


def test_a_job_gets_the_same_port_again_and_no_other_job_gets_it() -> None:
    ports, others = Ports("a1b2c3"), Ports("a1b2c3")
    names = [JobName(f"job{number}") for number in range(20)]
    given = {ports.take(name) for name in names} | {others.take(name) for name in names}
    assert len(given) == 40
    assert {ports.take(name) for name in names} | {others.take(name) for name in names} == given
    assert all(20_000 <= port < 30_000 for port in given)
    for name in names:
        ports.give_back(name)
        others.give_back(name)
    again = Ports("a1b2c3")
    assert again.take(names[0]) in given
    again.give_back(names[0])
    again.give_back(names[0])


def test_a_port_that_somebody_listens_on_is_not_given() -> None:
    ports, job = Ports("d4e5f6"), JobName("job")
    taken = ports.take(job)
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", taken))
        stranger.listen()
        other = ports.take(job)
        assert other != taken
    assert ports.take(job) == other
    ports.give_back(job)
