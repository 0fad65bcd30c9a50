"""What a receiver can check that a delivery is ours by; pure.

Source: Standard Webhooks, https://www.standardwebhooks.com: HMAC-SHA256 of `<id>.<timestamp>.<body>`.
"""

import base64
import binascii
import hashlib
import hmac

_ENCODED = "whsec_"


def signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: `v1,` and the base64 of the HMAC.

    Args:
        secret: `whsec_` and base64 of the key, or any text, which is the key then.
        delivery_id: The header `webhook-id`.
        timestamp: The header `webhook-timestamp`: seconds since 1970.
        body: As it is sent.
    """
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()}"


def _key(secret: str) -> bytes:
    if secret.startswith(_ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
        except (binascii.Error, ValueError):
            return secret.encode()
    return secret.encode()
