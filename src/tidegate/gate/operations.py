"""What operators ask: `/healthz`, `/readyz`, `/metrics`; and 404 for every path nobody serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tidegate.metrics import exposition

Gauges = Callable[[], Mapping[str, tuple[str, float]]]
Readiness = Callable[[], Mapping[str, str]]


def operations(*, gauges: Gauges, troubles: Readiness, documents: Sequence[Route] = ()) -> Starlette:
    """
    Return the application for operators' paths.

    Shape: `gauges` gives name -> (help, value) for `/metrics`; `troubles` gives part -> what is wrong, empty
    when requests can be accepted. Both may touch the disk, so they run in a thread. `documents` are those of
    `tidegate.gate.documents`.
    """

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        found = await asyncio.to_thread(troubles)
        if found:
            return JSONResponse({"status": "not ready", "troubles": dict(found)}, status_code=503)
        return JSONResponse({"status": "ready"})

    async def metrics(_request: Request) -> Response:
        text = await asyncio.to_thread(exposition, gauges)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def not_found(_request: Request, _exc: Exception) -> Response:
        return JSONResponse({"message": "Not Found"}, status_code=404)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *documents,
        ],
        exception_handlers={404: not_found},
    )
