"""Who is led to the login form, who is asked for HTTP Basic, and who gets neither."""

import pytest
from webjobs_api.http.browsers import asks_for_page, is_script_of_page, page_before

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
BASE = "https://jobs.example/team"


@pytest.mark.parametrize(
    ("path", "accept", "mode", "is_page"),
    [
        ("/", BROWSER, None, True),
        ("/", BROWSER, "navigate", True),
        ("/pages/triggered/x", BROWSER, None, True),
        ("/jobs/triggered/x", BROWSER, None, True),
        ("/nothing/here", BROWSER, None, True),
        ("/apis", BROWSER, None, True),
        ("/api/jobs", BROWSER, "navigate", True),
        ("/vfs/LogFiles/x.log", BROWSER, "navigate", True),
        ("/api/jobs", JAVA, None, False),
        ("/vfs", JAVA, None, False),
        ("/openapi.json", JAVA, None, False),
        ("/", "*/*", None, False),
        ("/", "", None, False),
        ("/", "application/json", "navigate", False),
        ("/", BROWSER, "cors", False),
        ("/", BROWSER, "same-origin", False),
        ("/", BROWSER, "no-cors", False),
    ],
)
def test_a_browser_that_shows_a_page_is_led_to_the_login(
    path: str, accept: str, mode: str | None, is_page: bool
) -> None:
    headers = {"Accept": accept, **({"Sec-Fetch-Mode": mode} if mode else {})}
    assert asks_for_page(path, headers) is is_page


@pytest.mark.parametrize(
    ("headers", "is_script"),
    [
        ({}, False),
        ({"User-Agent": "curl/8"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"X-Requested-With": "XMLHttpRequest"}, True),
        ({"Referer": f"{BASE}/pages/x"}, True),
        ({"Referer": "https://jobs.example/other"}, False),
        ({"Referer": "/subscriptions/1/webjobs"}, False),
    ],
)
def test_a_script_of_a_page_is_known_by_its_headers(headers: dict[str, str], is_script: bool) -> None:
    assert is_script_of_page(headers, BASE) is is_script


def test_the_page_with_the_form_is_named_by_its_path_within_this_site() -> None:
    assert page_before(f"{BASE}/pages/x?y=1", BASE) == "/pages/x?y=1"
    for other in ("", BASE, f"{BASE}x/y", "https://evil.example/x"):
        assert page_before(other, BASE) == "/", other
