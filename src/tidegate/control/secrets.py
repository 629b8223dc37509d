"""Secrets that programs show: how one is made and what of it is kept."""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32
"""256 random bits need no slow hash: nobody finds them by trying, and look-ups must be quick."""


def new_secret(prefix: str) -> str:
    """Return a secret that nobody has, such as `at_` and 43 URL-safe characters."""
    return prefix + secrets.token_urlsafe(BYTES)


def secret_hash(secret: str) -> bytes:
    """Return what a secret is looked up by; any text has one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
