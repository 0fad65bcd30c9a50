import pytest
from webjobs_history.settings import HistorySettings
from webjobs_service.settings import InvalidSettings, load_settings, variables


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_every_spelling_of_the_scheme_is_taken(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_DATABASE_URL", f"{scheme}://me:secret@db:5432/webjobs")
    assert load_settings(HistorySettings).database_url == "postgresql://me:secret@db:5432/webjobs"


@pytest.mark.parametrize("url", ["mysql://db/webjobs", "db", "postgresql://db:5432", ""])
def test_another_url_is_refused_without_being_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_DATABASE_URL", url)
    with pytest.raises(InvalidSettings) as raised:
        load_settings(HistorySettings)
    assert "WEBJOBS_DATABASE_URL" in str(raised.value)
    assert not url or f"={url!r}" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hun/ter2@db/webjobs",
        "postgresql://me:hun#ter2@db/webjobs",
        "postgresql://me:hun?ter2@db/webjobs",
        "postgresql://hun:ter2/webjobs",
    ],
)
def test_a_password_that_is_not_escaped_is_refused_without_a_word_of_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBJOBS_DATABASE_URL", url)
    with pytest.raises(InvalidSettings) as raised:
        load_settings(HistorySettings)
    assert "hun" not in str(raised.value) and "ter2" not in str(raised.value)


@pytest.mark.parametrize("url", ["postgresql://a:1,b:2/webjobs", "postgresql://me:x@db/webjobs?user=a@b"])
def test_several_hosts_and_parameters_are_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_DATABASE_URL", url)
    assert load_settings(HistorySettings).database_url == url


def test_the_representation_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_DATABASE_URL", "postgresql://me:hunter2@db/webjobs")
    assert "hunter2" not in repr(load_settings(HistorySettings))


def test_every_field_tells_what_it_is_for() -> None:
    assert all(field.description for field in variables(HistorySettings).values())
