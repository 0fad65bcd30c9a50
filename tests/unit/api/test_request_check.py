import pytest
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.describe.request_check import CLIENT_PARAMETERS, refuse_unknown_parameters
from webjobs_api.http.operation import Operation, Parameter
from webjobs_api.http.request_errors import RepeatedParameter, UnknownParameter

LIST = Operation(
    tag="",
    summary="",
    answers={},
    query=(
        Parameter(name="status", schema={"type": "string"}, description=""),
        Parameter(name="job", schema={"type": "array", "items": {"type": "string"}}, description=""),
    ),
)
NOTHING = Operation(tag="", summary="", answers={})


@pytest.mark.parametrize("names", [[], ["status"], ["job", "status", "job"], ["_", "api-version", "_"]])
def test_declared_parameters_and_those_of_clients_are_taken(names: list[str]) -> None:
    refuse_unknown_parameters(names, LIST)


@pytest.mark.parametrize("name", ["staus", "Status", "STATUS", "statuses", "state"])
def test_a_near_miss_is_told_what_was_meant(name: str) -> None:
    with pytest.raises(UnknownParameter, match=rf"'{name}'\. Did you mean 'status'\? .*takes: status, job"):
        refuse_unknown_parameters(["status", name], LIST)


@pytest.mark.parametrize("name", ["", "colour", "x" * 90_000, "status\0", "\udcff"])
def test_any_other_parameter_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(UnknownParameter, match="takes: status, job") as caught:
        refuse_unknown_parameters([name], LIST)
    assert len(str(caught.value).encode()) < 400
    with pytest.raises(UnknownParameter, match="takes no query parameters"):
        refuse_unknown_parameters([name], NOTHING)


def test_a_parameter_that_is_no_list_is_given_once() -> None:
    with pytest.raises(RepeatedParameter, match="'status' is given more than once"):
        refuse_unknown_parameters(["status", "status"], LIST)


def test_every_declared_parameter_says_whether_it_may_be_repeated() -> None:
    declared = [parameter for operation in OPERATIONS.values() for parameter in operation.query]
    assert declared
    assert all(isinstance(each.schema, dict) and "type" in each.schema for each in declared)
    # `isAsync` is ignored everywhere but where a package is deployed, which it has an effect on.
    assert {each.name for each in declared} & CLIENT_PARAMETERS == {"isAsync"}
