"""The Python client: waiting, and the server's refusals in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.client.refusals import row_at_fault, words
from tidegate.client.sending import WAIT_S_MAX, next_wait_s, parse_retry_after


@given(st.integers(0, 10_000), st.floats(0, 1), st.none() | st.floats(0, 3_600))
def test_a_wait_is_bounded_and_never_shorter_than_the_server_asks(
    retries: int, jitter: float, retry_after_s: float | None
) -> None:
    """Waits grow up to a bound; only the server's own wish makes them longer."""
    wait_s = next_wait_s(retries, retry_after_s, jitter)
    least = max(retry_after_s or 0.0, 0.1)
    assert least <= wait_s <= max(WAIT_S_MAX, retry_after_s or 0.0)


def test_waits_double() -> None:
    """Without jitter each wait is half of 0.2 s doubled for each retry made."""
    assert [0.1, 0.2, 0.4, 0.8] == [next_wait_s(retries, None, 0.0) for retries in range(4)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    """Both forms of the header are understood; anything else is as if it were not there."""
    assert seconds == parse_retry_after(text, 10.0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": "Record 3 did not conform"}', "400: Record 3 did not conform"),
        ('{"message": "Not Authorized"}', "400: Not Authorized"),
        (
            '{"error": "Forbidden", "errors": {"error": "Connection is not active."}}',
            "400: Forbidden Connection is not active.",
        ),
        (
            '{"error": "See errors.", "errors": [{"reason": {"sequence": ["no", "not"], "x": ["unknown"]}}]}',
            "400: See errors. sequence no, not; x unknown",
        ),
        (
            '{"errors": [{"reason": "a"}, {"reason": "b"}, {"reason": "c"}, {"reason": "d"}]}',
            "400: a b c (and 1 more records)",
        ),
        ('{"error": "Not Authenticated.", "errors": null}', "400: Not Authenticated."),
        ('{"other": 1}', '400: {"other": 1}'),
        ("Method not\n allowed.", "400: Method not allowed."),
        ("", "400"),
        ("[1]", "400: [1]"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(body: str, said: str) -> None:
    """Every documented error body is one readable line; anything else is quoted."""
    assert said == words(400, body)


@given(st.text(), st.integers(400, 499))
def test_any_answer_has_words(text: str, status: int) -> None:
    """Whatever stands between us and the server answers, its status is told."""
    assert words(status, text).startswith(str(status))


TWO = b'{"messages":[{"data":{"id": 1}},{"data":{"id":null}},{"data":{}}]}'


@pytest.mark.parametrize(
    ("said", "row"),
    [
        ("400: Record 7 did not conform to schema: #/id: expected: Integer, found: String", 7),
        ("400: Request failed validation:#/messages/2: #: 0 subschemas matched", 2),
        ("400: Record is missing key property id", 1),
        ("400: Record is missing key property other", 0),
        ("400: Request failed validation:#: required key [schema] not found", None),
        ("401: Not Authorized", None),
    ],
)
def test_a_refusal_names_its_row_where_the_answer_tells_it(said: str, row: int | None) -> None:
    """The documented texts tell the record's place, or let it be found in what was sent."""
    assert row == row_at_fault(said, TWO)
