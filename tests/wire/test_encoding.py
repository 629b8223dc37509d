"""Encoded bodies: taken as sent, or refused with what is wrong, in bounded memory."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import BodyTooLarge, MalformedBody, Refusal
from tidegate.wire.encoding import ENCODINGS, content_encoding, decoded

BYTES_MAX = 100_000


def zstd_streamed(body: bytes) -> bytes:
    """Encode without saying the size first, as a pipe does."""
    stream = zstandard.ZstdCompressor().compressobj()
    return stream.compress(body) + stream.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "zstd without size": ("zstd", zstd_streamed),
}
encoders = pytest.mark.parametrize(("encoding", "encode"), ENCODERS.values(), ids=ENCODERS)
packed = pytest.mark.parametrize(
    ("encoding", "encode"), [each for each in ENCODERS.values() if each[0] != "identity"]
)


@encoders
@given(body=st.binary(max_size=500) | st.binary(min_size=1, max_size=3).map(lambda few: few * 5_000))
def test_what_was_encoded_is_what_is_read(
    encoding: str, encode: Callable[[bytes], bytes], body: bytes
) -> None:
    """The body is the one before encoding, byte for byte. (W7)"""
    assert body == decoded(encode(body), encoding, bytes_max=BYTES_MAX)


@encoders
def test_the_limit_is_of_the_decoded_size(encoding: str, encode: Callable[[bytes], bytes]) -> None:
    """A body of exactly the limit is taken, one byte more is not. (W8)"""
    assert BYTES_MAX == len(decoded(encode(bytes(BYTES_MAX)), encoding, bytes_max=BYTES_MAX))
    with pytest.raises(BodyTooLarge):
        decoded(encode(bytes(BYTES_MAX + 1)), encoding, bytes_max=BYTES_MAX)


@packed
def test_a_bomb_takes_no_memory(encoding: str, encode: Callable[[bytes], bytes]) -> None:
    """Fifty million bytes in a few thousand are refused holding but a small part. (W8)"""
    bomb = encode(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            decoded(bomb, encoding, bytes_max=BYTES_MAX)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@packed
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body[:-5], "ends too early"),
        (lambda _: b"", "ends too early"),
        (lambda body: body + b"xyz", "3 bytes stand behind the end"),
        (lambda body: body + body, "stand behind the end"),
        (lambda _: b'[{"id": 1}]', "is damaged"),
        (lambda body: bytes([body[0] ^ 0xFF]) + body[1:], "is damaged"),
    ],
    ids=["cut", "empty", "trailing", "twice", "plain", "flipped"],
)
def test_a_spoilt_body_says_what_is_wrong(
    encoding: str, encode: Callable[[bytes], bytes], spoil: Callable[[bytes], bytes], said: str
) -> None:
    """The text names the encoding and the defect. (W9)"""
    with pytest.raises(MalformedBody, match=f"the {encoding} encoding") as refused:
        decoded(spoil(encode(b'[{"id": 1, "name": "Finn"}]')), encoding, bytes_max=BYTES_MAX)
    assert said in refused.value.detail


def test_a_checksum_is_checked() -> None:
    """A flipped byte that decodes all the same is found by the checksum. (W9)"""
    body = gzip.compress(b"x" * 100)
    wrong = body[:-8] + zlib.crc32(b"y").to_bytes(4, "little") + body[-4:]
    with pytest.raises(MalformedBody, match="incorrect data check"):
        decoded(wrong, "gzip", bytes_max=BYTES_MAX)


@given(
    encoding=st.sampled_from(sorted(ENCODINGS)),
    head=st.sampled_from([b"", gzip.compress(b"x")[:10], zstd_streamed(b"x")[:6]]),
    body=st.binary(max_size=200),
)
def test_any_bytes_are_decoded_or_refused(encoding: str, head: bytes, body: bytes) -> None:
    """Whatever comes, the outcome is a body or a documented refusal. (W9)"""
    with suppress(Refusal):
        decoded(head + body, encoding, bytes_max=BYTES_MAX)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "identity"),
        ("", "identity"),
        (" GZIP ", "gzip"),
        ("x-gzip", "gzip"),
        ("zstd", "zstd"),
        ("br", "br"),
        ("gzip, zstd", "gzip, zstd"),
    ],
)
def test_the_header_is_read(header: str | None, expected: str) -> None:
    """Case and spaces do not matter; several encodings stay one unknown name. (W7)"""
    assert expected == content_encoding(header)
