"""What people import: the client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from tidegate.client.bodies import Body, Limits, batch_bodies, push_bodies
from tidegate.client.encoding import Row
from tidegate.client.refusals import row_at_fault, words
from tidegate.client.sending import Answer, Sender
from tidegate.errors import InputInvalid, PushRefused

_ACCEPTED = (201, 202)
_VALID = (200,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """
    How far a push came: what the server has accepted, and what that took.

    Units: `seconds` since the push began.
    """

    records: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0


class Client:
    """
    Sends rows to one source of a Tidegate server (or of any server that speaks the Import API).

    Shape: `access_token` is the source's token, or a function that makes one (asked again after a 401);
    `client_id` is needed for `push` and `validate` only. A request carries at most `records_max` rows and
    `bytes_max` bytes. `on_wait` is told why, each time before a request is repeated. One client serves one
    thread.
    Units: a request is repeated for `patience_s` while the server is away or answers 5xx; `timeout_s` bounds
    each silence of the server.
    """

    def __init__(
        self,
        base_url: str,
        access_token: str | Callable[[], str],
        *,
        client_id: int | None = None,
        records_max: int = 20_000,
        bytes_max: int = 4_000_000,
        patience_s: float = 120.0,
        timeout_s: float = 60.0,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._limits = Limits(records_max=records_max, bytes_max=bytes_max)
        self._sender = Sender(
            base_url, access_token, patience_s=patience_s, timeout_s=timeout_s, on_wait=on_wait
        )
        self._client_id = client_id
        self._clock = clock_sequences()

    def batch(
        self,
        table_name: str,
        rows: Iterable[Row],
        *,
        key_names: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
        sequences: Iterable[int] | None = None,
    ) -> Pushed:
        """
        Send rows to one table and return when all are accepted, which means durably kept.

        Shape: without `schema` (JSON Schema, Draft 4) datetimes become timestamps and all else is typed by
        its value; without `key_names` rows are only ever added; without `sequences` (one integer for each
        row, the greatest wins) rows sent later win over rows sent earlier.
        Errors: PushRefused with the server's words; ServerUnreachable; InputInvalid for a row JSON cannot
        carry. Requests accepted before an error stay accepted.
        """
        return _last(self.batches(table_name, rows, key_names=key_names, schema=schema, sequences=sequences))

    def batches(
        self,
        table_name: str,
        rows: Iterable[Row],
        *,
        key_names: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
        sequences: Iterable[int] | None = None,
    ) -> Iterator[Pushed]:
        """Do as `batch`, yielding the totals after each accepted request."""
        head = {"table_name": table_name, "key_names": list(key_names)}
        given = self._clock if sequences is None else sequences
        bodies = batch_bodies(head, rows, given, self._limits, schema=schema)
        return self._send("/v2/import/batch", bodies, _ACCEPTED)

    def push(
        self,
        table_name: str,
        rows: Iterable[Row],
        *,
        key_names: Sequence[str],
        sequences: Iterable[int] | None = None,
    ) -> Pushed:
        """
        Send rows to a table with keys through `/v2/import/push`: every value is typed by itself.

        Shape, errors: as `batch`; a datetime arrives as text, because JSON on this endpoint has no other way.
        """
        bodies = self._push_bodies(table_name, rows, key_names, sequences)
        return _last(self._send("/v2/import/push", bodies, _ACCEPTED))

    def validate(
        self,
        table_name: str,
        rows: Iterable[Row],
        *,
        key_names: Sequence[str],
        sequences: Iterable[int] | None = None,
    ) -> Pushed:
        """Have rows checked as by `push`; nothing is kept. Errors: as `push`."""
        bodies = self._push_bodies(table_name, rows, key_names, sequences)
        return _last(self._send("/v2/import/validate", bodies, _VALID))

    def status(self) -> dict[str, Any]:
        """Return the server's own word on its health. Errors: ServerUnreachable, PushRefused."""
        response = self._sender.get("/v2/import/status").response
        if response.status_code != 200 or not isinstance(found := _json(response.content), dict):
            raise PushRefused(
                f"{response.url} is no Import API: {words(response.status_code, response.text)}"
            )
        return found

    def close(self) -> None:
        """Close the connections. Safe to repeat."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _push_bodies(
        self, table_name: str, rows: Iterable[Row], key_names: Sequence[str], sequences: Iterable[int] | None
    ) -> Iterator[Body]:
        if self._client_id is None:
            raise InputInvalid(
                "push and validate name the account: give Client(..., client_id=...), or use batch"
            )
        head = {
            "client_id": self._client_id,
            "table_name": table_name,
            "action": "upsert",
            "key_names": list(key_names),
        }
        return push_bodies(head, rows, self._clock if sequences is None else sequences, self._limits)

    def _send(self, path: str, bodies: Iterator[Body], wanted: tuple[int, ...]) -> Iterator[Pushed]:
        started = time.monotonic()
        so_far = Pushed()
        for body in bodies:
            answer = self._sender.post(path, body.content)
            # A 2xx of something else in front of the server (a login page) must not pass for "accepted".
            if answer.response.status_code not in wanted or not isinstance(
                _json(answer.response.content), dict
            ):
                raise _refused(answer, body, so_far)
            so_far = Pushed(
                records=so_far.records + body.row_count,
                requests=so_far.requests + 1,
                retries=so_far.retries + answer.retries,
                seconds=time.monotonic() - started,
            )
            yield so_far


def clock_sequences(now_ns: Callable[[], int] = time.time_ns) -> Iterator[int]:
    """Yield the clock's nanoseconds, always growing, also while the clock stands still or is set back."""
    last = 0
    while True:
        last = max(last + 1, now_ns())
        yield last


def _refused(answer: Answer, body: Body, so_far: Pushed) -> PushRefused:
    said = words(answer.response.status_code, answer.response.text)
    at = row_at_fault(said, body.content)
    if at is None:
        rows = f"rows {body.row_index + 1:,} to {body.row_index + body.row_count:,}"
    else:
        rows = f"row {body.row_index + at + 1:,}"
    before = f"; the {so_far.records:,} rows before its request were accepted" if so_far.records else ""
    where = answer.response.url
    return PushRefused(
        f"{where} refused {rows}: {said}{before}", row_index=None if at is None else body.row_index + at
    )


def _last(steps: Iterator[Pushed]) -> Pushed:
    done = Pushed()
    for done in steps:  # noqa: B007 - the last one is the answer
        pass
    return done


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None
