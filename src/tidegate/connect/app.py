"""The ASGI application: who calls, which handler answers, and how its answer or refusal is sent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as HttpRoute

from tidegate.connect.calls import NOT_AUTHORIZED, NOT_FOUND, Call, Limits, Route
from tidegate.connect.routes import ROUTES
from tidegate.control import connect_tokens
from tidegate.control.store import Store
from tidegate.errors import ControlUnavailable, ControlUnusable, Declined
from tidegate.wire.content import bearer_token

if TYPE_CHECKING:
    from tidegate.logs import Log

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES_MAX = 1_000_000
"""Descriptions of sources and destinations are a few kilobytes; a certificate may be among them."""

BODY_WAIT_S_MAX = 30.0
NO_LIMITS = Limits()
READ_ONLY = {"error": "AccessDenied", "data": {"message": "this access token may only read"}}

THREADS = 4
"""Calls that run at the same time in one process; a call that checks a warehouse may take seconds."""


class ConnectApi:
    """
    Answers the Connect API's paths and hands every other path to `rest`.

    Shape: `files` is a folder for warehouses that are files; `note_use` is told of each token that is let in,
    and when, in ms since 1970. `close` waits for the calls that run.
    Source: docs/specs/connect-api.md.
    """

    def __init__(
        self,
        store: Store,
        *,
        files: Path,
        rest: ASGIApp,
        log: Log,
        note_use: Callable[[int, int], None] = lambda _token_id, _at_ms: None,
        limits: Limits = NO_LIMITS,
        routes: Sequence[Route] = ROUTES,
    ) -> None:
        self.store = store
        self._note_use = note_use
        self._files = files
        self._limits = limits
        self._log = log
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="connect")
        self._app = Starlette(
            routes=[
                HttpRoute(route.path, partial(self._answer, route), methods=[route.method])
                for route in routes
            ],
            exception_handlers={405: _not_found},
        )
        self._app.router.redirect_slashes = False
        self._app.router.default = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Source of the interface: the ASGI specification, HTTP."""
        await self._app(scope, receive, send)

    def close(self) -> None:
        """Wait for the calls that run. Safe to repeat."""
        self._threads.shutdown(wait=True)

    async def _answer(self, route: Route, request: Request) -> Response:
        """Read the body, call the handler in a thread, and turn whatever comes of it into an answer."""
        begun = time.perf_counter()
        retry_after_s: int | None = None
        try:
            body = await _body(request)
            loop = asyncio.get_running_loop()
            status, answer = await loop.run_in_executor(self._threads, self._called, route, request, body)
        except Declined as exc:
            status, answer, retry_after_s = exc.answer_status, exc.body, exc.retry_after_s
        except Exception as exc:  # noqa: BLE001 - the top of a call: whatever it was, the caller gets an answer
            self._log.error("failed", method=route.method, path=route.path, exc_info=exc)
            status, answer = 500, {"message": "Internal Server Error"}
        ms = round((time.perf_counter() - begun) * 1000, 2)
        self._log.info("connect", method=route.method, path=route.path, status=status, ms=ms)
        return _response(status, answer, retry_after_s)

    def _called(self, route: Route, request: Request, body: bytes) -> tuple[int, Any]:
        """Let the caller in and call the handler. Errors: Declined."""
        secret = bearer_token(request.headers.get("authorization"))
        try:
            with self.store.reading() as conn:
                token = None if secret is None else connect_tokens.find(conn, secret)
            if token is None:
                raise Declined(NOT_AUTHORIZED, status=401)
            self._note_use(token.id, time.time_ns() // 1_000_000)
            if route.method != "GET" and not token.role.may_change:
                raise Declined(READ_ONLY, status=403)
            call = Call(
                store=self.store,
                files=self._files,
                limits=self._limits,
                client_id=token.client_id,
                actor=f"Connect API access token {token.id} (...{token.last_four})",
                path=request.path_params,
                query=request.query_params,
                body=body,
            )
            return 200, route.handler(call)
        except (ControlUnavailable, ControlUnusable) as exc:
            self._log.error("control store", method=route.method, path=route.path, error=str(exc))
            raise Declined({"message": "Service Unavailable"}, status=503) from exc


async def _body(request: Request) -> bytes:
    """Read the body, within bounds of size and time. Errors: Declined."""
    received = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S_MAX):
            async for chunk in request.stream():
                received += chunk
                if len(received) > BODY_BYTES_MAX:
                    raise Declined({"message": "Request Entity Too Large"}, status=413)
    except (TimeoutError, ClientDisconnect) as exc:
        raise Declined({"message": "Request Timeout"}, status=408) from exc
    return bytes(received)


def _response(status: int, answer: Any, retry_after_s: int | None = None) -> Response:
    headers = {"Cache-Control": "no-store"}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if isinstance(answer, str) and status != 200:
        return PlainTextResponse(answer, status, headers=headers)
    text = json.dumps(answer, ensure_ascii=False)
    return Response(text.encode(), status, media_type="application/json", headers=headers)


async def _not_found(_request: Request, _exc: Exception) -> Response:
    """A known path with another method: 404, as documented, not 405."""
    return _response(404, NOT_FOUND)
