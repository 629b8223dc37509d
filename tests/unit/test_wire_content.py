"""What the headers of a request say."""

from __future__ import annotations

import pytest

from tidegate.wire.content import bearer_token, media_type


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" application/transit+json ;x=y;z", "application/transit+json"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_media_type_is_lower_case_without_parameters(header: str | None, expected: str) -> None:
    """Case and parameters of Content-Type do not matter. (W1)"""
    assert expected == media_type(header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer at_abc", "at_abc"),
        ("bearer at_abc", "at_abc"),
        ("BEARER: at_abc", "at_abc"),
        ("Bearer:at_abc", "at_abc"),
        ("  Bearer \t at_abc  ", "at_abc"),
        ("Bearer a b", "a b"),
        ("Bearerat_abc", None),
        ("Bearer", None),
        ("Bearer   ", None),
        ("Basic at_abc", None),
        ("", None),
        (None, None),
    ],
)
def test_the_token_is_what_follows_the_scheme(header: str | None, expected: str | None) -> None:
    """The scheme is taken in any case, with one colon or none, and any white space. (W2)"""
    assert expected == bearer_token(header)
