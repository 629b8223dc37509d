"""Destination addresses with secrets in them: what of them may be shown, and the rest encrypted at rest."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from tidegate.errors import ControlUnusable, InputInvalid

MASK = "***"
_SECRET_NAME = re.compile("pass|token|secret|key|credential", re.IGNORECASE)


class Sealer:
    """
    Encrypts and decrypts with one key: the one given, else the key file's, which is made when first needed.

    The key file stands beside the store with mode 0600; a copy of the store alone gives no secret away.
    """

    def __init__(self, key_file: Path | None, key: str | None = None) -> None:
        self._key_file = key_file
        self._key = key

    def seal(self, text: str) -> bytes:
        """Encrypt (Fernet: AES-128-CBC, HMAC-SHA-256). Errors: ControlUnusable without a usable key."""
        from cryptography.fernet import Fernet  # noqa: PLC0415 - few stores hold a secret; start-up is budgeted

        try:
            return Fernet(self._found_or_made()).encrypt(text.encode())
        except ValueError as exc:
            raise ControlUnusable(f"the key in {self._origin()} is not a Fernet key") from exc

    def unseal(self, sealed: bytes) -> str:
        """Decrypt. Errors: ControlUnusable when the key is missing or another."""
        from cryptography.fernet import Fernet, InvalidToken  # noqa: PLC0415 - as above

        try:
            return Fernet(self._found()).decrypt(sealed).decode()
        except (OSError, ValueError, InvalidToken) as exc:
            raise ControlUnusable(
                f"a destination's address cannot be decrypted with the key in {self._origin()};"
                " bring back the key that belongs to this data folder"
            ) from exc

    def _origin(self) -> str:
        return "the environment" if self._key is not None else str(self._key_file)

    def _found(self) -> bytes:
        if self._key is not None:
            return self._key.encode()
        if self._key_file is None:
            raise ControlUnusable("this control store needs a key for secrets; set TIDEGATE_SECRET_KEY")
        return self._key_file.read_bytes().strip()

    def _found_or_made(self) -> bytes:
        if self._key is None and self._key_file is not None and not self._key_file.exists():
            _make_key(self._key_file)
        return self._found()


def _make_key(path: Path) -> None:
    """Put a new key in place whole or not at all; of two processes at once, one's key becomes everyone's."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - as above

    fd, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)  # noqa: PTH108 - mkstemp gives a text
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def shown(url: str) -> str:
    """
    Return a destination's address as people and logs may see it: no password, no query values.

    Shape: `kind://user:password@host/db?option=x` -> `kind://user:***@host/db?***`; without either, the same.
    Errors: InputInvalid when it is no URL; the message does not repeat it.
    """
    parts = _split(url)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon}{MASK if colon else ''}{at}{host}"
    address = f"{parts.scheme}://{netloc}{parts.path}"
    return f"{address}?{MASK}" if parts.query or parts.fragment else address


def is_masked(url: str) -> bool:
    """Tell whether an address is one that `shown` made: a copy of what lists print, without its secrets."""
    parts = _split(url)
    return MASK in (parts.password, parts.query)


def scrubbed(text: str, url: str) -> str:
    """Return a text with an address's secrets masked, because drivers repeat what they were given."""
    parts = _split(url)
    options = [pair.partition("=") for pair in parts.query.split("&")]
    raw = [parts.password or "", *(value for name, _, value in options if _SECRET_NAME.search(name))]
    for secret in sorted(
        {each for one in raw for each in (one, unquote(one)) if each}, key=len, reverse=True
    ):
        text = text.replace(secret, MASK)
    return text


def _split(url: str) -> SplitResult:
    """Errors: InputInvalid, without the address or what urllib says of it: both may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        misplaced = bool(parts.netloc) and ("@" in parts.path or parts.netloc.count("@") > 1)
    except ValueError:
        misplaced = True
    if misplaced:
        raise InputInvalid(
            "the destination's address cannot be read; percent-encode / @ : in user and password"
        )
    if not parts.scheme or "://" not in url:
        raise InputInvalid(
            "a destination's address must be a URL such as duckdb:///path or postgresql://user@host/db"
        )
    return parts
