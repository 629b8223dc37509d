"""`/openapi.json` for programs and `/docs` for people: made from the code, and in need of no internet."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route as OperatorRoute

from tidegate.gate.app import Route
from tidegate.gate.documents_refusals import ELSEWHERE, REFUSALS, Documented
from tidegate.gate.openapi import SUMMARIES, openapi
from tidegate.settings import Settings
from tidegate.wire.answers import JSON, refusal_answer
from tidegate.wire.bounds import DATA_POINTS_MAX, DEPTH_MAX, KEY_CHARS_MAX, RECORDS_MAX

PAGE = Path(__file__).parent / "pages" / "docs.html"
HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
"""What a `Host` header may be to stand in examples that people paste into a shell."""

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_CODE = re.compile(r"`([^`]+)`")


def documents(routes: Mapping[str, Route], *, settings: Settings, version: str) -> list[OperatorRoute]:
    """
    Return the two paths' routes; the texts are made when first asked for.

    Shape: `routes` is the gate's route table.
    """

    @cache
    def document() -> bytes:
        return json.dumps(openapi(routes, version=version), ensure_ascii=False).encode()

    def page(base_url: str) -> str:
        return docs_page(routes, settings=settings, version=version, base_url=base_url)

    async def openapi_json(_request: Request) -> Response:
        return Response(document(), media_type=JSON)

    async def docs(request: Request) -> Response:
        host = request.headers.get("host", "")
        shown = host if HOST.fullmatch(host) else "{}:{}".format(*request.scope["server"])
        secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
        return HTMLResponse(page(f"{'https' if secure else 'http'}://{shown}"), headers=PAGE_HEADERS)

    return [OperatorRoute("/openapi.json", openapi_json), OperatorRoute("/docs", docs)]


def docs_page(routes: Mapping[str, Route], *, settings: Settings, version: str, base_url: str) -> str:
    """Fill the page in. Shape: `base_url` is where the reader reached us, without a slash at its end."""
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        base_url=html.escape(base_url),
        version=html.escape(version),
        endpoints="\n".join(_endpoint_rows(routes)),
        errors="\n".join(map(_error_row, REFUSALS)),
        body_bytes_max=f"{settings.body_bytes_max:,}",
        records_max=f"{RECORDS_MAX:,}",
        data_points_max=f"{DATA_POINTS_MAX:,}",
        key_chars_max=f"{KEY_CHARS_MAX:,}",
        depth_max=DEPTH_MAX,
    )


def _endpoint_rows(routes: Mapping[str, Route]) -> Iterator[str]:
    for path, route in routes.items():
        method = min(route.methods)
        yield f"<tr><td><code>{method} {path}</code></td><td>{html.escape(SUMMARIES[route.name])}</td></tr>"


def _error_row(documented: Documented) -> str:
    answer = refusal_answer(documented.refusal)
    where = "any other" if documented.endpoints == ELSEWHERE else ", ".join(sorted(documented.endpoints))
    remedy = _CODE.sub(r"<code>\1</code>", html.escape(documented.remedy))
    cells = (
        f'<td class="status">{answer.status}</td>',
        f"<td>{html.escape(documented.cause)}<br><small>{where}</small></td>",
        f"<td>{remedy}</td>",
        f"<td><code>{html.escape(answer.body.decode())}</code></td>",
    )
    return f"<tr>{''.join(cells)}</tr>"
