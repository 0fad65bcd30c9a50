"""The body of a request → app settings; pure."""

from typing import Any

import msgspec
from webjobs_rules.app_settings import MAX_SETTINGS
from webjobs_rules.errors import InvalidAppSetting

from webjobs_api.app_settings.errors import InvalidAppSettingsBody, TooManyAppSettings
from webjobs_api.http.json_body import json_text


def app_settings_of(body: bytes) -> dict[str, str]:
    """The app settings in a request's body, by name.

    Either an object of them, or one of the older form `{"key": …, "value": …}`. Numbers and booleans count
    as the text they are written with. Source: Kudu: SettingsController.cs.

    Raises:
        InvalidAppSettingsBody: It is no JSON object.
        TooManyAppSettings: It has more names than an installation can have.
        InvalidAppSetting: A value is neither text nor a number nor a boolean.
    """
    try:
        written = msgspec.json.decode(json_text(body), type=dict[str, msgspec.Raw])
        if len(written) > MAX_SETTINGS:
            raise TooManyAppSettings(MAX_SETTINGS)
        given = {name: _plain(value) for name, value in written.items()}
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidAppSettingsBody(str(error).rstrip(".")) from error
    if given.keys() == {"key", "value"}:
        if not isinstance(given["key"], str):
            raise InvalidAppSettingsBody("the key is no text")
        given = {given["key"]: given["value"]}
    return {name: _setting_text(name, value) for name, value in given.items()}


def _plain(value: msgspec.Raw) -> Any:
    """What is written, but no list or object is built, which a megabyte can hold a million of."""
    text = bytes(value)
    return () if text[:1] in (b"[", b"{") else msgspec.json.decode(text)


def _setting_text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    if value is None:
        raise InvalidAppSetting(name, f"its value is null; DELETE /api/settings/{name[:100]} removes it")
    raise InvalidAppSetting(name, "its value must be text, a number or a boolean")
