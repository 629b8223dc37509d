"""
Takes the content encoding off a request body. Source: docs/specs/import-api.md, W7 to W9.

A few bytes can stand for gigabytes, so the size is bounded while decoding and not after it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

from tidegate.errors import BodyTooLarge, MalformedBody

IDENTITY = "identity"

_WINDOW_BYTES_MIN = 8 * 1024 * 1024
"""Every sender may rely on this window. Source: RFC 9659."""

_ZSTD_PIECE_BYTES = 256
"""A block of four bytes can stand for 128 KiB, so a piece holds 8 MiB at most."""

_SYNONYMS = {"": IDENTITY, "x-gzip": "gzip"}


def content_encoding(header: str | None) -> str:
    """Return what `Content-Encoding` says, in lower case and by its usual name; absent is `identity`."""
    named = (header or "").strip().lower()
    return _SYNONYMS.get(named, named)


def decoded(body: bytes, encoding: str, *, bytes_max: int) -> bytes:
    """
    Return the body without its encoding.

    Shape: `encoding` is one of `ENCODINGS`; the body is one stream of it, whole, with nothing behind.
    Errors: BodyTooLarge as soon as `bytes_max` is passed, before more is held; MalformedBody says what is
    wrong with the encoded bytes.
    """
    return ENCODINGS[encoding](body, bytes_max)


def _identity(body: bytes, bytes_max: int) -> bytes:
    if len(body) > bytes_max:
        raise BodyTooLarge(len(body), bytes_max)
    return body


def _gzip(body: bytes, bytes_max: int) -> bytes:
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        text = stream.decompress(body, bytes_max + 1)
    except zlib.error as exc:
        raise MalformedBody(f"the gzip encoding is damaged: {str(exc).rpartition(': ')[2]}") from None
    if len(text) > bytes_max:
        raise BodyTooLarge(len(text), bytes_max)
    _hold_whole("gzip", ended=stream.eof, behind=len(stream.unused_data))
    return text


def _zstd(body: bytes, bytes_max: int) -> bytes:
    """Decode piece by piece: the decoder has no limit of its own for what one call returns."""
    stream = zstandard.ZstdDecompressor(max_window_size=max(bytes_max, _WINDOW_BYTES_MIN)).decompressobj()
    texts: list[bytes] = []
    size = taken = 0
    try:
        while taken < len(body) and not stream.eof:
            text = stream.decompress(body[taken : taken + _ZSTD_PIECE_BYTES])
            taken += _ZSTD_PIECE_BYTES
            size += len(text)
            if size > bytes_max:
                raise BodyTooLarge(size, bytes_max)
            texts.append(text)
    except zstandard.ZstdError as exc:
        raise MalformedBody(f"the zstd encoding is damaged: {str(exc).rpartition(': ')[2]}") from None
    behind = len(stream.unused_data) + max(0, len(body) - taken)
    _hold_whole("zstd", ended=stream.eof, behind=behind)
    return b"".join(texts)


def _hold_whole(encoding: str, *, ended: bool, behind: int) -> None:
    """Hold that a stream came to its end, where the body ends too. Errors: MalformedBody."""
    if not ended:
        raise MalformedBody(f"the {encoding} encoding ends too early")
    if behind:
        raise MalformedBody(
            f"{behind} bytes stand behind the end of the {encoding} encoding; send one stream"
        )


ENCODINGS: dict[str, Callable[[bytes, int], bytes]] = {IDENTITY: _identity, "gzip": _gzip, "zstd": _zstd}
"""What a request may be encoded in, one at a time."""
