import pytest
from webjobs_api.http.negotiation import wants_page


@pytest.mark.parametrize(
    "accept",
    [
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/html",
        "TEXT/HTML; q=0.5",
        "application/json;q=0.1, text/html",
    ],
)
def test_a_browser_gets_the_page(accept: str) -> None:
    assert wants_page(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/*",
        "application/json",
        "application/json, text/html",
        "text/html;q=0",
        "text/html;q=x",
        ";;,=",
    ],
)
def test_everything_else_gets_the_data(accept: str) -> None:
    assert not wants_page(accept)
