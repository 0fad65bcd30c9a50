import pytest
from webjobs_api.settings import ApiSettings
from webjobs_service.settings import InvalidSettings, load_settings


def test_it_listens_on_loopback_by_default() -> None:
    settings = load_settings(ApiSettings)
    assert (settings.host, settings.port, settings.upload_limit_bytes) == ("127.0.0.1", 8080, 256 * 1024**2)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])
def test_another_address_than_loopback_needs_credentials(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_HOST", host)
    with pytest.raises(InvalidSettings, match="can be reached from other machines: set WEBJOBS_USERNAME"):
        load_settings(ApiSettings)
    monkeypatch.setenv("WEBJOBS_USERNAME", "ann")
    monkeypatch.setenv("WEBJOBS_PASSWORD", "secret")
    assert load_settings(ApiSettings).host == host


@pytest.mark.parametrize("variable", ["WEBJOBS_USERNAME", "WEBJOBS_PASSWORD"])
def test_one_credential_without_the_other_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "canary")
    with pytest.raises(InvalidSettings, match="or neither") as raised:
        load_settings(ApiSettings)
    assert "canary" not in str(raised.value)


VIEWER = {"WEBJOBS_VIEWER_USERNAME": "eve", "WEBJOBS_VIEWER_PASSWORD": "canary2"}
USER = {"WEBJOBS_USERNAME": "ann", "WEBJOBS_PASSWORD": "canary1"}


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({**USER, "WEBJOBS_VIEWER_USERNAME": "eve"}, "both WEBJOBS_VIEWER_USERNAME and .*, or neither"),
        ({**USER, "WEBJOBS_VIEWER_PASSWORD": "canary2"}, "both WEBJOBS_VIEWER_USERNAME and .*, or neither"),
        (VIEWER, "no effect without WEBJOBS_USERNAME and WEBJOBS_PASSWORD"),
        ({**USER, **VIEWER, "WEBJOBS_VIEWER_USERNAME": "ann"}, "are the same"),
        ({**USER, **VIEWER, "WEBJOBS_VIEWER_USERNAME": "e:ve"}, "cannot hold a colon"),
    ],
)
def test_a_viewer_that_cannot_sign_in_is_refused(
    variables: dict[str, str], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match=fault) as raised:
        load_settings(ApiSettings)
    assert "canary" not in str(raised.value)


def test_a_viewer_is_set_beside_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**USER, **VIEWER}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(ApiSettings)
    assert (settings.username, settings.viewer_username) == ("ann", "eve")
    assert "canary" not in repr(settings) and "viewer" not in repr(settings)


def test_a_name_with_a_colon_is_refused_unshown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_USERNAME", "canary:x")
    monkeypatch.setenv("WEBJOBS_PASSWORD", "canary")
    with pytest.raises(InvalidSettings, match="cannot hold a colon") as raised:
        load_settings(ApiSettings)
    assert "canary" not in str(raised.value)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_USERNAME", "canary1")
    monkeypatch.setenv("WEBJOBS_PASSWORD", "canary2")
    assert "canary" not in repr(load_settings(ApiSettings))


@pytest.mark.parametrize(("variable", "value"), [("WEBJOBS_PORT", "70000"), ("WEBJOBS_UPLOAD_LIMIT_MB", "0")])
def test_numbers_out_of_range_are_refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings, match=variable):
        load_settings(ApiSettings)


@pytest.mark.parametrize("text", ["10.0.0.5/8", "proxy.example", "127.0.0.1,,::1", "*"])
def test_trusted_proxies_that_are_no_networks_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_TRUSTED_PROXIES", text)
    with pytest.raises(
        InvalidSettings, match=r"WEBJOBS_TRUSTED_PROXIES=.* is neither an address nor a network"
    ):
        load_settings(ApiSettings)
    monkeypatch.setenv("WEBJOBS_TRUSTED_PROXIES", "none")
    assert load_settings(ApiSettings).trusted_proxies == "none"


def test_origins_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(ApiSettings).cors_origins is None
    monkeypatch.setenv("WEBJOBS_CORS_ORIGINS", "pages.example")
    with pytest.raises(
        InvalidSettings, match=r"WEBJOBS_CORS_ORIGINS=.*Did you mean https://pages\.example\?"
    ):
        load_settings(ApiSettings)
    monkeypatch.setenv("WEBJOBS_CORS_ORIGINS", "*")
    assert load_settings(ApiSettings).cors_origins == "*"
