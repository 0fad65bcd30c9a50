"""The Content-Security-Policy of the pages for people: only our own scripts and styles, by nonce.

`'self'` would not do for scripts and styles: files of the site folder and answers of jobs, which others
write, have the same origin as the pages.
"""

import secrets

_NONCE_BYTES = 16  # 128 bits, as CSP Level 3 asks for
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'nonce-{nonce}'",
        "style-src 'nonce-{nonce}'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


def new_nonce() -> str:
    """Returns a nonce for one response; elements name it, and `page_policy` allows it."""
    return secrets.token_urlsafe(_NONCE_BYTES)


def page_policy(nonce: str) -> str:
    """Returns the Content-Security-Policy of a page whose scripts and styles carry this nonce."""
    return _POLICY.format(nonce=nonce)
