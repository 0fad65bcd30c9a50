"""Addresses are written as their route spells them, whatever case they come in."""

import pytest
from webjobs_service.route_spelling import RouteSpelling, SpelledRoute

SPELLING = RouteSpelling(
    [
        SpelledRoute("GET", "/"),
        SpelledRoute("GET", "/healthz"),
        SpelledRoute("GET", "/api/jobs"),
        SpelledRoute("GET", "/api/jobs/{type:triggered|continuous}/{job:[^/]+}", ("status", "isAsync")),
        SpelledRoute("POST", "/api/jobs/{type:triggered|continuous}/{job:[^/]+}/run", ("arguments",)),
        SpelledRoute("GET", "/api/hooks/{hook}/deliveries"),
        SpelledRoute("POST", "/api/hooks/publish/{event}"),
        SpelledRoute("*", "/pass/{job}/through/{path:(?s:.*)}"),
        SpelledRoute("GET", "/vfs/{path:(?s:.*)}"),
        SpelledRoute("GET", "/vfs/LogFiles/{job:[^/]+}.log"),
        SpelledRoute("DELETE", "/vfs/site/App_Data/{job:[^/]+}"),
        SpelledRoute("GET", "/x/{id:[0-9]{18}}"),
    ]
)


@pytest.mark.parametrize(
    ("method", "target", "spelled"),
    [
        ("GET", "/", "/"),
        ("GET", "/HealthZ", "/healthz"),
        ("GET", "/HEALTHZ/", "/healthz/"),
        ("HEAD", "/API/Jobs", "/api/jobs"),
        ("GET", "/API/JOBS/Triggered/My%20Job", "/api/jobs/triggered/My%20Job"),
        ("GET", "/api/jobs/CONTINUOUS/Jobs/", "/api/jobs/continuous/Jobs/"),
        ("POST", "/api/jobs/triggered/RUN/Run", "/api/jobs/triggered/RUN/run"),
        ("GET", "/%61pi/j%4Fbs", "/api/jobs"),
        ("GET", "http://Host/API/JOBS?A=B", "http://Host/api/jobs?A=B"),
        # Captures keep what they hold, literal parts of another route included.
        ("GET", "/API/Hooks/Publish/Deliveries", "/api/hooks/Publish/deliveries"),
        ("POST", "/API/Hooks/Publish/Deliveries", "/api/hooks/publish/Deliveries"),
        ("PUT", "/PASS/Healthz/THROUGH/API/Jobs?Status=X", "/pass/Healthz/through/API/Jobs?Status=X"),
        ("GET", "/VFS/Site/App_data/X//y/../Z%2f", "/vfs/Site/App_data/X//y/../Z%2f"),
        ("DELETE", "/VFS/Site/APP_DATA/X", "/vfs/site/App_Data/X"),
        ("GET", "/VFS/", "/vfs/"),
        ("GET", "/vfs/logfiles/A.B.LOG", "/vfs/LogFiles/A.B.log"),
        ("GET", "/vfs/logfiles/.LOG", "/vfs/logfiles/.LOG"),
        ("GET", "/X/201311080256000000", "/x/201311080256000000"),
        # Names of query parameters, never their values.
        ("GET", "/api/jobs/triggered/a?STATUS=Up&isasync", "/api/jobs/triggered/a?status=Up&isAsync"),
        ("GET", "/api/jobs/triggered/a?%53tatus=a+b%26&&=", "/api/jobs/triggered/a?status=a+b%26&&="),
        ("GET", "/api/jobs/triggered/a?status=Status=Status", "/api/jobs/triggered/a?status=Status=Status"),
        (
            "POST",
            "/api/jobs/triggered/a/run?Status=1&Arguments=X",
            "/api/jobs/triggered/a/run?Status=1&arguments=X",
        ),
        # A method that the path does not have: for the refusal, or for OPTIONS.
        ("DELETE", "/API/Jobs", "/api/jobs"),
        ("OPTIONS", "/API/Jobs?Status=1", "/api/jobs?Status=1"),
        # No route: as it is.
        ("GET", "/API/Nothing", "/API/Nothing"),
        ("GET", "/API/Jobs//", "/API/Jobs//"),
        ("GET", "//API/Jobs", "//API/Jobs"),
        ("GET", "/API/Jobs/Other/x", "/API/Jobs/Other/x"),
        ("GET", "/API/Jobs#Fragment", "/API/Jobs#Fragment"),
        ("OPTIONS", "*", "*"),
        ("CONNECT", "Host:443", "Host:443"),
        ("GET", "http://Host", "http://Host"),
        ("GET", "", ""),
        ("GET", "/VFS/" + "A" * 9000, "/VFS/" + "A" * 9000),
    ],
)
def test_a_target_is_spelled_as_its_route(method: str, target: str, spelled: str) -> None:
    assert SPELLING.of(method, target) == spelled
