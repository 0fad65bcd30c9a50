"""Questions and answers come back as they were."""

import inspect

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.messages import messages
from webjobs_events import queries

MESSAGE_TYPES = [
    message_type
    for _, message_type in inspect.getmembers(queries, inspect.isclass)
    if issubclass(message_type, msgspec.Struct) and message_type.__module__ == queries.__name__
]


@pytest.mark.parametrize("message_type", MESSAGE_TYPES, ids=lambda message_type: message_type.__name__)
def test_every_query_and_answer_comes_back_as_it_was(message_type: type[msgspec.Struct]) -> None:
    @settings(max_examples=20)  # of each type; most share their fields
    @given(st.data())
    def comes_back(data: st.DataObject) -> None:
        message = data.draw(messages(message_type))
        assert msgspec.json.decode(msgspec.json.encode(message), type=message_type) == message

    comes_back()


ENDPOINTS = [value for name, value in vars(queries).items() if name.isupper()]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_name_of_an_endpoint_is_one_token(endpoint: str) -> None:
    assert endpoint.isascii() and endpoint.isidentifier()
