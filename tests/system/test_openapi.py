"""`/openapi.json` and `/docs` of the running server: true to the code, and enough to push a first record."""

from __future__ import annotations

import html
import itertools
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.core.parameters import ParameterLocation

from tests.product import Product
from tidegate.cli.processes import now_ms
from tidegate.control.grants import Grants
from tidegate.control.store import Store
from tidegate.errors import Refusal
from tidegate.gate.admission import Admission
from tidegate.gate.app import Route, routes
from tidegate.gate.commit import GroupCommit
from tidegate.gate.documents import documents
from tidegate.gate.documents_refusals import ELSEWHERE, REFUSALS, Documented
from tidegate.gate.endpoints import ImportApi
from tidegate.gate.operations import operations
from tidegate.journal import MemoryJournal
from tidegate.settings import Settings
from tidegate.wire.answers import JSON, Answer, refusal_answer
from tidegate.wire.batch import BatchChecker
from tidegate.wire.push import check_push

pytestmark = pytest.mark.xdist_group("openapi")
Exercised = Callable[[str], None]
EXAMPLE = re.compile(
    r'<pre class="run"><code>(.*?)</code></pre>\s*<pre class="answer"><code>(.*?)</code></pre>', re.DOTALL
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product."""
    running = Product(
        tmp_path_factory.mktemp("documents") / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1"},
    )
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def document(product: Product) -> dict[str, Any]:
    """The OpenAPI document as served."""
    with product.client() as client:
        answer = client.get("/openapi.json")
    assert (200, "application/json") == (answer.status_code, answer.headers["content-type"])
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def page(product: Product) -> str:
    """The documentation page as served."""
    with product.client() as client:
        answer = client.get("/docs")
    assert (200, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    return answer.text


@pytest.fixture
def import_routes(tmp_path: Path) -> Iterator[dict[str, Route]]:
    """The gate's own route table."""
    store = Store.open(tmp_path / "control.db")
    commit = GroupCommit(MemoryJournal())
    api = ImportApi(
        settings=Settings(),
        grants=Grants(store),
        commit=commit,
        admission=Admission(bytes_max=1, wait_s_max=0),
        check_push=check_push,
        check_batch=BatchChecker(),
        now_ms=now_ms,
        version="0",
    )
    yield dict(routes(api))
    api.close()
    commit.close()
    store.close()


# --- /openapi.json -----------------------------------------------------------------------------------------


def test_every_route_is_documented_and_no_other(
    import_routes: dict[str, Route], document: dict[str, Any]
) -> None:
    """The document has exactly the paths and methods that are served."""
    told = operations(
        gauges=dict, troubles=dict, documents=documents(import_routes, settings=Settings(), version="0")
    )
    served = {path: {each.lower() for each in route.methods} for path, route in import_routes.items()}
    served |= {each.path: {"get"} for each in told.routes if hasattr(each, "path")}
    assert served == {path: set(found) for path, found in document["paths"].items()}


def test_no_refusal_is_left_out() -> None:
    """Every refusal that the product has a name for is documented."""
    assert set(Refusal.__subclasses__()) == {type(each.refusal) for each in REFUSALS}


@pytest.mark.parametrize("documented", REFUSALS, ids=lambda each: type(each.refusal).__name__)
def test_every_refusal_is_shown_as_it_is_sent(documented: Documented, document: dict[str, Any]) -> None:
    """Status, content type and body of each refusal stand at each endpoint that gives it."""
    answer = refusal_answer(documented.refusal)
    if documented.endpoints == ELSEWHERE:
        assert shown(answer) in examples(
            document["components"]["responses"][type(documented.refusal).__name__]
        )
    for name in documented.endpoints:
        for operation in document["paths"][f"/v2/import/{name}"].values():
            assert shown(answer) in examples(operation["responses"][str(answer.status)])


def shown(answer: Answer) -> tuple[str, Any]:
    """Content type and value of an answer."""
    body = answer.body.decode()
    return answer.content_type, json.loads(body) if answer.content_type == JSON else body


def examples(response: dict[str, Any]) -> list[tuple[str, Any]]:
    """Content type and value of all examples of a documented response."""
    return [
        (content_type, each["value"])
        for content_type, content in response["content"].items()
        for each in content["examples"].values()
    ]


def test_the_examples_of_bodies_are_accepted(product: Product, document: dict[str, Any]) -> None:
    """Each example of a request body gets a 2xx, as soon as the client id is the reader's."""
    for path, operations_ in document["paths"].items():
        for method, operation in operations_.items():
            for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
                body = json.dumps(content["example"]).replace("1001", str(product.client_id))
                with product.client() as client:
                    answer = client.request(
                        method, path, content=body, headers={"Content-Type": content_type}
                    )
                assert answer.is_success, (path, content_type, answer.text)


CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("status", "positive"),  # its one parameter takes any text, so nothing is wrong
        *itertools.product(("validate", "push", "batch"), ("positive", "negative")),
    ],
)
def test_generated_requests_get_documented_answers(
    product: Product, document: dict[str, Any], name: str, mode: str, exercised: Exercised
) -> None:
    """Whatever fits the document, and what nearly does, is answered as the document says."""
    load_all_checks()
    checks: list[Any] = [schemathesis.checks.CHECKS.get_one(each) for each in CHECKS]
    rejection = schemathesis.checks.CHECKS.get_one("negative_data_rejection")
    wrong_bodies: list[bool] = []
    text = json.dumps(document)
    schema = schemathesis.openapi.from_dict(json.loads(text, object_hook=ours(product.client_id)))
    for method in document["paths"][f"/v2/import/{name}"]:
        operation = schema[f"/v2/import/{name}"][method.upper()]

        @settings(max_examples=40, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
        def holds(case: schemathesis.Case[Any]) -> None:
            # A strange query or header alone is nothing wrong: one is not looked at, the others are ours.
            body = case.meta.components.get(ParameterLocation.BODY) if case.meta is not None else None
            is_wrong = body is not None and body.mode is GenerationMode.NEGATIVE
            case.call_and_validate(
                base_url=product.base_url,
                headers={"Authorization": f"Bearer {product.access_token}"},
                checks=checks if is_wrong else [each for each in checks if each is not rejection],
            )
            wrong_bodies.append(is_wrong)

        holds()
        assert any(wrong_bodies) == (mode == "negative")
        exercised(f"schemathesis: {name}, {mode} data")


def ours(client_id: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Narrow the schemas to records of one account, so that generated ones get beyond that check."""

    def narrowed(found: dict[str, Any]) -> dict[str, Any]:
        if "client_id" in found and isinstance(found["client_id"], dict):
            found["client_id"] = {"const": client_id}
        return found

    return narrowed


# --- /docs -------------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(page: str) -> None:
    """No script, and nothing loaded from anywhere: it works without the internet and without JavaScript."""
    assert [] == re.findall(r"<script|<link|<img|\bsrc=|@import|url\(", page)
    assert [] == [each for each in re.findall(r'href="([^"]*)"', page) if not each.startswith(("#", "/"))]


def test_the_page_links_to_what_is_there(page: str, product: Product) -> None:
    """Every place it links to exists, on the page or on the server."""
    links = set(re.findall(r'href="([^"]*)"', page))
    anchors = {f'id="{each[1:]}"' for each in links if each.startswith("#")}
    assert set() == {each for each in anchors if each not in page}
    with product.client() as client:
        assert {200} == {client.get(each).status_code for each in links if each.startswith("/")}


def test_the_page_shows_every_endpoint_and_refusal(page: str, document: dict[str, Any]) -> None:
    """What can happen can be looked up."""
    assert all(path in page for path in document["paths"] if path.startswith("/v2/"))
    for each in REFUSALS:
        assert html.escape(refusal_answer(each.refusal).body.decode()) in page
        assert html.escape(each.cause) in page


def test_a_reader_of_the_page_alone_pushes_records(product: Product, page: str, exercised: Exercised) -> None:
    """Every example, pasted as it stands, gets the answer printed below it, and the rows are there."""
    pairs = EXAMPLE.findall(page)
    assert page.count('class="run"') == len(pairs)
    known = {"TOKEN": product.access_token, "CLIENT_ID": str(product.client_id), "no_proxy": "*"}
    for command, expected in pairs:
        done = subprocess.run(
            ["bash", "-c", html.unescape(command)],
            env={**os.environ, **known},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert json.loads(html.unescape(expected)) == json.loads(done.stdout), (command, done.stderr)
    product.wait_until_loaded()
    assert [{"greeting": "The tide is in"}, {"greeting": "Packed"}] == product.rows(
        "SELECT greeting FROM hello ORDER BY id"
    )
    assert [{"litres": "12.500000"}] == product.rows("SELECT litres::VARCHAR AS litres FROM readings")
    exercised("examples of /docs")


@pytest.mark.parametrize("host", ["x' ; rm -rf y; '", "<i>", "odd host", "$(id)", "`id`"])
def test_a_made_up_host_is_not_repeated(product: Product, host: str) -> None:
    """Examples are pasted into shells, so an odd Host header does not get into them."""
    with httpx.Client(base_url=product.base_url, trust_env=False) as client:
        text = client.get("/docs", headers={"Host": host}).text
    assert host not in text
    assert f"curl -s '{product.base_url}/v2/import/push'" in text


def test_a_proxied_host_is_shown(product: Product) -> None:
    """Behind a proxy the examples carry the name that the reader used."""
    with httpx.Client(base_url=product.base_url, trust_env=False) as client:
        headers = {"Host": "data.example.com", "X-Forwarded-Proto": "https"}
        assert (
            "curl -s 'https://data.example.com/v2/import/push'" in client.get("/docs", headers=headers).text
        )
