"""The body of a login → its fields; pure."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs

from webjobs_api.http.access_errors import InvalidLoginForm

MAX_BODY_BYTES = 16 * 1024

_FORM = "application/x-www-form-urlencoded"
_FIELDS = ("username", "password", "next")


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What was filled in.

    Attributes:
        credentials: `name:password`.
        next: Path that was asked for before, as the client names it.
    """

    credentials: bytes = field(repr=False)
    next: str = ""


def login_form_of(content_type: str, body: bytes) -> LoginForm:
    """The fields of a login form.

    Args:
        content_type: Of the body, without parameters, lower case.
        body: Of the request.

    Raises:
        InvalidLoginForm: It is another body.
    """
    if content_type != _FORM:
        raise InvalidLoginForm(f"its Content-Type is {content_type[:100] or 'missing'}")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=len(_FIELDS))
    except ValueError as error:  # not UTF-8, or too many fields
        raise InvalidLoginForm("it is not UTF-8 text, or has other fields") from error
    for name, values in fields.items():
        if name not in _FIELDS:
            raise InvalidLoginForm(f"it has the field {name[:60]!r}")
        if len(values) > 1:
            raise InvalidLoginForm(f"it has {name} more than once")
    for name in ("username", "password"):
        if name not in fields:
            raise InvalidLoginForm(f"{name} is missing")
    credentials = f"{fields['username'][0]}:{fields['password'][0]}".encode()
    return LoginForm(credentials, fields.get("next", [""])[0])
