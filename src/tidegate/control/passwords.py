"""
Passwords: how one is made, checked and kept. Slow on purpose, so never inside a transaction.

argon2id with 46 MiB and one pass, the first of the parameters that OWASP recommends: 50 to 100 ms.
"""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from tidegate.errors import InputInvalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

CHARS_MIN = 12
CHARS_MAX = 200
"""Long enough for any sentence; what is longer is no password but an attempt to keep the server busy."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without characters that look like others; 31 of them, so 20 letters are 99 bits."""


def generated() -> str:
    """Return a random password that can be read out, such as `k3v9x-m2mpt-qqh7c-zd4ra`."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def checked(password: str) -> str:
    """Return a password that may be kept. Errors: InputInvalid, which does not repeat it."""
    if not CHARS_MIN <= len(password) <= CHARS_MAX or _bytes(password) is None:
        raise InputInvalid(f"a password must have {CHARS_MIN} to {CHARS_MAX} characters of text")
    return password


def hashed(password: str) -> str:
    """Return what is kept of a password: argon2id with a salt of its own. Errors: InputInvalid."""
    return _hasher().hash(_bytes(checked(password)) or b"")


def fits(password: str, password_hash: str | None) -> bool:
    """
    Tell whether a password is the one that was hashed; it takes as long when there is no hash.

    Errors: none; a password that could not be kept fits nothing.
    """
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - see _hasher

    nobodys = _nobodys()
    text = _bytes(password[: CHARS_MAX + 1])
    try:
        right = _hasher().verify(password_hash or nobodys, text or b"")
    except (VerificationError, InvalidHashError):
        return False
    return bool(right) and password_hash is not None and text is not None and len(password) <= CHARS_MAX


def outdated(password_hash: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(password_hash)


@cache
def _hasher() -> PasswordHasher:
    """Imported when first needed: gates and most commands never do."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - as above

    return PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)


@cache
def _nobodys() -> str:
    """Return a hash that no password fits, for people who are not there."""
    return _hasher().hash(secrets.token_bytes(32))


def _bytes(password: str) -> bytes | None:
    """One password typed on two keyboards is the same (NFKC); None when it is no text."""
    try:
        return unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        return None
