"""Which rules validate checks a body by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.content import JSON, TRANSIT
from tidegate.wire.validate import is_batch


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"table_name": "t", "schema": {}, "messages": []}', True),
        (b'{"schema": 1}', True),
        (b'{"messages": null}', True),
        (b'\xef\xbb\xbf \r\n\t{"x": {"a": 1}, "mess\\u0061ges": []}', True),
        (b"{}", False),
        (b'{"table_name": "t", "data": {"schema": {}}}', False),
        (b'[{"schema": {}}]', False),
        (b'"schema"', False),
        (b'{"schema": {}', False),
        (b"", False),
    ],
)
def test_an_object_with_a_schema_or_messages_is_a_batch(body: bytes, expected: bool) -> None:
    """Only the keys of the root count, and a body that is no JSON is none. (W35)"""
    assert expected == is_batch(body, JSON)


def test_transit_is_never_a_batch() -> None:
    """Batch takes JSON alone, so an object in Transit is refused as push refuses it. (W35)"""
    assert not is_batch(b'{"schema": {}, "messages": []}', TRANSIT)


@given(st.binary() | st.binary().map(b'{"schema":'.__add__))
def test_any_bytes_are_told_apart(body: bytes) -> None:
    """Whatever is sent, the question has an answer. (W35)"""
    assert is_batch(body, JSON) in {True, False}
