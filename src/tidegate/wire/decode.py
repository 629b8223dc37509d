"""JSON bytes to exact values, or a refusal that says what is wrong and where."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from tidegate.decimals import double_number, exact_number
from tidegate.errors import MalformedBody

BOM = b"\xef\xbb\xbf"
T = TypeVar("T")

_EXACT = msgspec.json.Decoder(float_hook=exact_number)
_DOUBLES = msgspec.json.Decoder(float_hook=double_number)
_BYTE = re.compile(r" \(byte ([0-9]+)\)$")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def text_of(body: bytes) -> bytes:
    """Return the body without a byte-order mark."""
    return body.removeprefix(BOM)


def decode_exact(text: bytes) -> Any:
    """Decode JSON, keeping every number as sent. Errors: MalformedBody. Source: import-api.md, W64."""
    return _decode(_EXACT, text)


def decode_doubles(text: bytes) -> Any:
    """Decode JSON as push does. Errors: MalformedBody. Source: docs/specs/import-api.md, W63."""
    return _decode(_DOUBLES, text)


def decode_as(decoder: msgspec.json.Decoder[T], text: bytes) -> T | None:
    """Decode JSON of a known shape; None when it has another shape or is not JSON at all."""
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _decode(decoder: msgspec.json.Decoder[Any], text: bytes) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError:
        raise MalformedBody("nested too deeply") from None
    except UnicodeDecodeError:
        raise MalformedBody(_utf8_defect(text)) from None
    except msgspec.ValidationError as exc:
        raise MalformedBody(str(exc)) from None
    except msgspec.DecodeError as exc:
        raise MalformedBody(_json_defect(str(exc), text)) from None


def _utf8_defect(text: bytes) -> str:
    try:
        text.decode()
    except UnicodeDecodeError as exc:
        return f"byte 0x{text[exc.start]:02x} is not UTF-8 at {place(text, exc.start)}"
    return "not UTF-8"


def _json_defect(said: str, text: bytes) -> str:
    """Put the decoder's words and byte offset into words with line and column."""
    found = _BYTE.search(said)
    if found is not None:
        offset = int(found[1])
        return f"{said[: found.start()]} at {place(text, offset)}"
    surrogate = _lone_surrogate(text)
    if surrogate is not None:
        return f"half of a surrogate pair at {place(text, surrogate)}"
    return f"unexpected end of the body at {place(text, len(text))}"


def _lone_surrogate(text: bytes) -> int | None:
    """Find the first escape that is one half of a surrogate pair without the other."""
    high_end: int | None = None
    for escape in _ESCAPE.finditer(text):
        unit = int(escape[1], 16) if escape[1] else 0
        is_low = 0xDC00 <= unit <= 0xDFFF
        if high_end is not None and not (is_low and escape.start() == high_end):
            return high_end - len(rb"\uD800")
        if is_low and high_end is None:
            return escape.start()
        high_end = escape.end() if 0xD800 <= unit <= 0xDBFF else None
    return None if high_end is None else high_end - len(rb"\uD800")


def place(text: bytes, offset: int) -> str:
    """Say where a byte stands. Units: lines and columns count from 1, columns in bytes."""
    line = text.count(b"\n", 0, offset) + 1
    column = offset - text.rfind(b"\n", 0, offset)
    return f"line: {line}, column: {column}"
