"""What a page may load: nothing without the nonce of its own response."""

from webjobs_api.http.page_policy import new_nonce, page_policy


def test_scripts_and_styles_need_the_nonce_of_the_response() -> None:
    policy = dict(each.split(" ", 1) for each in page_policy("abc").split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'nonce-abc'",
        "style-src": "'nonce-abc'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


def test_each_nonce_is_new_and_fits_a_header_and_an_attribute() -> None:
    nonces = {new_nonce() for _ in range(100)}
    assert len(nonces) == 100
    assert all(len(each) >= 22 and each.replace("-", "").replace("_", "").isalnum() for each in nonces)
