import pytest
from webjobs_api.http.access_errors import InvalidLoginForm
from webjobs_api.login.form import LoginForm, login_form_of

FORM = "application/x-www-form-urlencoded"


def test_a_login_form_has_name_password_and_where_to_go_next() -> None:
    body = b"username=ann&password=pa%C3%9F%3Aw+1&next=%2Fpages"
    assert login_form_of(FORM, body) == LoginForm("ann:paß:w 1".encode(), "/pages")
    assert login_form_of(FORM, b"password=&username=") == LoginForm(b":", "")
    assert "secret" not in repr(login_form_of(FORM, b"username=a&password=secret"))


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("application/json", b'{"username":"a","password":"b"}', "application/json"),
        ("", b"username=a&password=b", "missing"),
        (FORM, b"", "username is missing"),
        (FORM, b"username=a", "password is missing"),
        (FORM, b"password=a", "username is missing"),
        (FORM, b"username=a&username=b&password=c", "username more than once"),
        (FORM, b"username=a&password=b&admin=1", "'admin'"),
        (FORM, b"username=a&password=b&next=/&x=1", "other fields"),
        (FORM, b"username=%FF&password=b", "UTF-8"),
        (FORM, b"\xff", "UTF-8"),
    ],
)
def test_another_body_is_refused(content_type: str, body: bytes, reason: str) -> None:
    with pytest.raises(InvalidLoginForm, match=reason):
        login_form_of(content_type, body)
