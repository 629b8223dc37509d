"""How a hook's receiver knows that a call is ours, and not an old one again. Pure."""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE_HEADER = "X-Tidegate-Signature"
DELIVERY_HEADER = "X-Tidegate-Delivery"


def signature(secret: str, body: bytes, at_s: int) -> str:
    """
    Return the value of the signature header: `t=<time>,v1=<HMAC-SHA-256 in hex>`.

    Shape: signed are the time as decimal digits, a dot, and the body. Units: seconds since 1970 UTC.
    Source: docs/specs/notifications.md, N14.
    """
    signed = f"{at_s}.".encode() + body
    return f"t={at_s},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
