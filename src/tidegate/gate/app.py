"""The ASGI application: paths, methods, request ids; the one place where a failure becomes an answer."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from tidegate.errors import BodyTooLarge, BodyTooSlow, Failed, MethodNotAllowed, Refusal
from tidegate.gate.body import Disconnected, discard_rest
from tidegate.gate.endpoints import Exchange, ImportApi
from tidegate.gate.ports import ASGIApp, Receive, Scope, Send
from tidegate.wire.answers import Answer, refusal_answer

if TYPE_CHECKING:
    from tidegate.logs import Log
    from tidegate.metrics import Metrics

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
"""What a client may send as `X-Request-Id`; anything else is replaced, so that log lines stay lines."""

OUTCOMES = {200: "ok", 201: "accepted", 202: "queued"}
"""What an answer that is no refusal is called in logs and metrics."""

Handler = Callable[[Exchange], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One path of the Import API: its name in logs and metrics, the methods it takes, its handler."""

    name: str
    methods: frozenset[str]
    handler: Handler


class Gate:
    """
    Answers the Import API's paths itself and hands every other path to `rest`.

    Routing is one dictionary look-up and there is no middleware: this is the path every record takes.
    """

    def __init__(self, api: ImportApi, *, rest: ASGIApp, metrics: Metrics, log: Log) -> None:
        self._routes = routes(api)
        self._request_ids = map(f"{os.urandom(8).hex()}{{:08x}}".format, count(1))
        self._rest = rest
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Source of the interface: the ASGI specification, HTTP."""
        route = self._routes.get(scope["path"].rstrip("/")) if scope["type"] == "http" else None
        if route is None:
            await self._rest(scope, receive, send)
            return
        begun = time.perf_counter()
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        exchange = Exchange(route.name, self._request_id(headers), headers, receive, scope["query_string"])
        outcome, cut_off = "", False
        try:
            if scope["method"] not in route.methods:
                raise MethodNotAllowed(scope["method"], scope["path"], route.methods)  # noqa: TRY301 - answered below like every refusal
            answer = await route.handler(exchange)
            outcome = OUTCOMES[answer.status]
        except Refusal as exc:
            outcome, answer = exc.code, refusal_answer(exc)
            cut_off = isinstance(exc, BodyTooLarge | BodyTooSlow) and not exchange.body_ended
            self._note_refusal(exchange, exc)
        except Disconnected as exc:
            self._seen(exchange, exc.code, 0, begun)
            return
        except Exception as exc:  # noqa: BLE001 - the top of a request: whatever it was, the client gets an answer
            outcome, answer = Failed.code, refusal_answer(Failed("unexpected failure"))
            self._log.error("failed", request_id=exchange.request_id, endpoint=route.name, exc_info=exc)
        await _send(send, answer, exchange.request_id, rest_of=receive if cut_off else None)
        self._seen(exchange, outcome, answer.status, begun)

    def _request_id(self, headers: Mapping[bytes, bytes]) -> str:
        """Take the client's id, or the next of ours: a random beginning for each process, then a number."""
        sent = headers.get(b"x-request-id", b"")
        return sent.decode("ascii") if REQUEST_ID.fullmatch(sent) else next(self._request_ids)

    def _note_refusal(self, exchange: Exchange, exc: Refusal) -> None:
        if exc.__cause__ is not None:
            self._log.warning(
                "refused", request_id=exchange.request_id, endpoint=exchange.endpoint, reason=str(exc)
            )

    def _seen(self, exchange: Exchange, outcome: str, status: int, begun: float) -> None:
        """Count the request and write its log line."""
        seconds = time.perf_counter() - begun
        self._metrics.saw_request(exchange.endpoint, outcome, seconds)
        if exchange.position is not None:
            self._metrics.accepted(exchange.endpoint, exchange.records, exchange.body_bytes)
        self._log.info(
            "request",
            request_id=exchange.request_id,
            endpoint=exchange.endpoint,
            source_id=exchange.source_id,
            outcome=outcome,
            status=status,
            records=exchange.records,
            body_bytes=exchange.body_bytes,
            position=exchange.position,
            ms=round(seconds * 1000, 2),
        )


def routes(api: ImportApi) -> Mapping[str, Route]:
    """Return the Import API's route table; the reference page and the tests are made from it."""
    post = frozenset({"POST"})
    return {
        "/v2/import/status": Route("status", frozenset({"GET", "HEAD"}), api.status),
        "/v2/import/validate": Route("validate", post, api.validate),
        "/v2/import/push": Route("push", post, api.push),
        "/v2/import/batch": Route("batch", post, api.batch),
    }


async def _send(send: Send, answer: Answer, request_id: str, *, rest_of: Receive | None = None) -> None:
    """Send an answer; when it comes in the middle of a body, throw away the rest of that and hang up."""
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", request_id.encode()),
        *((name.encode(), value.encode()) for name, value in answer.headers),
    ]
    if rest_of is not None:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if rest_of is not None:
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await discard_rest(rest_of)
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.body", "body": answer.body})
