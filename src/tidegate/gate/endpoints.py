"""The four endpoints of the Import API, each as: checks in the documented order, then an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from tidegate.control.grants import Grant
from tidegate.crashpoints import crash_point
from tidegate.errors import (
    BodyTooLarge,
    ControlError,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    InvalidRegion,
    JournalError,
    NotAuthorized,
    SourceNotActive,
    TimedOut,
    Unavailable,
    UnsupportedContentEncoding,
    UnsupportedContentType,
)
from tidegate.gate.admission import Admission
from tidegate.gate.body import read_body
from tidegate.gate.commit import GroupCommit
from tidegate.gate.lookups import Lookups
from tidegate.gate.ports import Grants, Receive
from tidegate.gate.preview import preview_answer, wants_preview
from tidegate.journal.base import Crowded, KeyReused
from tidegate.records import Endpoint, Request
from tidegate.settings import Settings
from tidegate.wire.answers import ACCEPTED, QUEUED, VALID, Answer, status_answer
from tidegate.wire.content import JSON, TRANSIT, bearer_token, media_type
from tidegate.wire.encoding import ENCODINGS, IDENTITY, content_encoding, decoded
from tidegate.wire.validate import is_batch

CHECKED_INLINE_BYTES_MAX = 200_000
"""Larger bodies are checked in a thread: 200 KB take about a millisecond, a fair turn for one client."""

IDEMPOTENCY_KEY = re.compile(rb"[!-~]{1,255}")
"""What an `Idempotency-Key` header may be: visible ASCII."""

Headers = Mapping[bytes, bytes]


@dataclass(slots=True)
class Exchange:
    """One request and what became of it, for the log line and the metrics."""

    endpoint: str
    request_id: str
    headers: Headers
    receive: Receive
    query: bytes = b""
    source_id: int | None = None
    records: int = 0
    body_bytes: int = 0
    body_ended: bool = False
    position: int | None = None


class ChecksBatch(Protocol):
    """Checks batch bodies. See `tidegate.wire.batch`."""

    def check(self, body: bytes) -> int:
        """Return the number of messages. Errors: Refusal."""
        ...


@dataclass(slots=True, kw_only=True)
class ImportApi:
    """
    Status, validate, push and batch. Source: docs/specs/import-api.md.

    Shape: an `Exchange` -> an `Answer`; every other outcome is a `Refusal` raised. `note_use` is told of each
    token that is let in, and when, and must not wait.
    """

    settings: Settings
    grants: Grants
    commit: GroupCommit
    admission: Admission
    check_push: Callable[[bytes, str, int], int]
    check_batch: ChecksBatch
    now_ms: Callable[[], int]
    version: str
    note_use: Callable[[int, int], None] = lambda _token_id, _at_ms: None
    checker: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="check")
    )
    lookups: Lookups = field(init=False)

    def __post_init__(self) -> None:
        """Begin to look tokens up."""
        self.lookups = Lookups(self.grants)

    async def status(self, _exchange: Exchange) -> Answer:
        """Tell whether accepting works; always 200, the body carries the state."""
        failing = self.commit.failing
        return status_answer(self.version, self.version, None if failing is None else str(failing))

    async def validate(self, exchange: Exchange) -> Answer:
        """Check like push or batch, keep nothing. Never 503: under pressure it waits, then answers 504."""
        answers = [VALID]

        def check(body: bytes, sent: str, grant: Grant) -> int:
            count = self._checks_either(body, sent, grant)
            if wants_preview(exchange.query):
                answers.append(preview_answer(body, sent, grant.kind, at_ms=self.now_ms()))
            return count

        try:
            await self._accept(exchange, check, keep=None)
        except Unavailable as exc:
            raise TimedOut(str(exc)) from exc
        return answers[-1]

    async def push(self, exchange: Exchange) -> Answer:
        """Keep records for one or many tables."""
        grant = await self._accept(exchange, self._checks_push, keep=Endpoint.PUSH)
        return QUEUED if grant.delayed else ACCEPTED

    async def batch(self, exchange: Exchange) -> Answer:
        """Keep records for one table that conform to their JSON Schema."""
        grant = await self._accept(exchange, self._checks_batch, keep=Endpoint.BATCH)
        return QUEUED if grant.delayed else ACCEPTED

    def close(self) -> None:
        """Stop the threads."""
        self.lookups.close()
        self.checker.shutdown(wait=True)

    async def _accept(
        self, exchange: Exchange, check: Callable[[bytes, str, Grant], int], *, keep: Endpoint | None
    ) -> Grant:
        """Run checks 3 to 15 of the specification in their order, then append to the journal."""
        grant = await self._authorize(exchange.headers)
        exchange.source_id = grant.source_id
        sent = media_type(_text(exchange.headers, b"content-type"))
        if sent not in ((JSON,) if keep is Endpoint.BATCH else (JSON, TRANSIT)):
            raise UnsupportedContentType(sent, batch=keep is Endpoint.BATCH)
        encoding = content_encoding(_text(exchange.headers, b"content-encoding"))
        if encoding not in ENCODINGS:
            raise UnsupportedContentEncoding(encoding, batch=keep is Endpoint.BATCH)
        body_bytes_max = self.settings.body_bytes_max
        declared = int(exchange.headers.get(b"content-length", body_bytes_max))
        if declared > body_bytes_max:
            raise BodyTooLarge(declared, body_bytes_max)
        room_bytes = declared if encoding == IDENTITY else declared + body_bytes_max
        room = await self.admission.enter(room_bytes)
        try:
            received = await read_body(
                exchange.receive, body_bytes_max=body_bytes_max, wait_s_max=self.settings.body_wait_s_max
            )
            exchange.body_ended = True
            exchange.body_bytes = len(received)
            if not grant.active:
                raise SourceNotActive("the source is paused or deleted")

            def decode_and_check() -> tuple[bytes, int]:
                text = decoded(received, encoding, bytes_max=body_bytes_max)
                return text, check(text, sent, grant)

            quick = encoding == IDENTITY and len(received) <= CHECKED_INLINE_BYTES_MAX
            if quick and (keep is not None or not wants_preview(exchange.query)):
                body, records = decode_and_check()
            else:
                loop = asyncio.get_running_loop()
                body, records = await loop.run_in_executor(self.checker, decode_and_check)
            if keep is not None:
                exchange.position = await self._append(exchange, grant, keep, sent, records, body)
            exchange.records = records
        finally:
            self.admission.leave(room)
        return grant

    async def _append(
        self, exchange: Exchange, grant: Grant, endpoint: Endpoint, sent: str, records: int, body: bytes
    ) -> int:
        request = Request(
            source_id=grant.source_id,
            endpoint=endpoint,
            content_type=sent,
            received_at_ms=self.now_ms(),
            record_count=records,
            request_id=exchange.request_id,
            body=body,
            idempotency_key=_idempotency_key(exchange.headers),
        )
        crash_point("gate before append")
        try:
            position = await self.commit.append(request)
        except JournalError as exc:
            raise Unavailable(str(exc)) from exc
        crash_point("gate before answer")
        if isinstance(position, KeyReused):
            raise IdempotencyKeyReused(f"its key belongs to the request at position {position.position}")
        if isinstance(position, Crowded):
            raise Unavailable("the source has no destination yet, and the journal has no more room for it")
        return position

    async def _authorize(self, headers: Headers) -> Grant:
        token = bearer_token(_text(headers, b"authorization"))
        at_ms = self.now_ms()
        try:
            grant = None if token is None else await self.lookups.find(token, at_ms)
        except ControlError as exc:
            raise Unavailable(str(exc)) from exc
        if grant is None:
            raise NotAuthorized("the access token is missing, unknown, expired or revoked")
        if self.settings.region and grant.region and grant.region != self.settings.region:
            raise InvalidRegion(f"the access token is for region {grant.region}")
        self.note_use(grant.token_id, at_ms)
        return grant

    def _checks_either(self, body: bytes, sent: str, grant: Grant) -> int:
        check = self._checks_batch if is_batch(body, sent) else self._checks_push
        return check(body, sent, grant)

    def _checks_push(self, body: bytes, sent: str, grant: Grant) -> int:
        return self.check_push(body, sent, grant.client_id)

    def _checks_batch(self, body: bytes, _sent: str, _grant: Grant) -> int:
        return self.check_batch.check(body)


def _idempotency_key(headers: Headers) -> str | None:
    sent = headers.get(b"idempotency-key")
    if sent is None:
        return None
    if not IDEMPOTENCY_KEY.fullmatch(sent):
        raise IdempotencyKeyInvalid(f"an idempotency key of {len(sent)} bytes")
    return sent.decode("ascii")


def _text(headers: Headers, name: bytes) -> str | None:
    found = headers.get(name)
    return None if found is None else found.decode("latin-1")
