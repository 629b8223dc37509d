"""Who a running server lets in, at every path: tokens of the right kind, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.clients.environments import stitchclient_pushing
from tests.product import Product
from tests.waiting import wait_until
from tidegate.connect.routes import ROUTES
from tidegate.control import connect_tokens, sessions, sources, tokens
from tidegate.control import users as people
from tidegate.control.roles import Role
from tidegate.control.schema import now
from tidegate.control.store import Store

pytestmark = pytest.mark.xdist_group("stitchclient")

IMPORT_PATHS = ("/v2/import/validate", "/v2/import/push", "/v2/import/batch")
"""All that take tokens; `/v2/import/status` is for everybody. A test compares with what is documented."""

CONNECT = [(route.method, route.path.replace("{", "").replace("}", "")) for route in ROUTES]
EVERYWHERE = [*(("POST", path) for path in IMPORT_PATHS), *CONNECT]
VALUE = "an-older-token-of-forty-characters-12345"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """One of every kind, all good but for what their names say."""

    access: str
    revoked: str
    expired: str
    paused: str
    connect: str
    read_only: str
    disabled: str
    session: str
    link: str


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A running server with two gate processes."""
    running = Product(tmp_path_factory.mktemp("let-in") / "data", flags=("--workers", "2"))
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def secrets(product: Product) -> Secrets:
    """One of every kind of secret."""
    store = Store.open(product.data_dir / "control.db")
    with store.writing() as conn:
        others, paused = (sources.create(conn, product.client_id, name) for name in ("Others", "Paused"))
        revoked, revoked_secret = tokens.create(conn, others.id)
        tokens.revoke(conn, revoked.id)
        _, expired = tokens.create(conn, others.id, expires_at=now())
        _, paused_secret = tokens.create(conn, paused.id)
        sources.pause(conn, paused.id)
        _, connect = connect_tokens.create(conn, product.client_id)
        _, read_only = connect_tokens.create(conn, product.client_id, role=Role.READ_ONLY)
        disabled, disabled_secret = connect_tokens.create(conn, product.client_id)
        connect_tokens.disable(conn, disabled.id)
        owner = people.find(conn, "owner@localhost")[0].id
        made = Secrets(
            access=product.access_token,
            revoked=revoked_secret,
            expired=expired,
            paused=paused_secret,
            connect=connect,
            read_only=read_only,
            disabled=disabled_secret,
            session=sessions.start(conn, owner),
            link=sessions.create_link(conn, owner),
        )
    store.close()
    return made


def sent(product: Product, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """Send what would be fine but for who sends it."""
    told = {"Content-Type": "application/json"} | headers
    body = json.dumps([product.record("orders", 1, {"id": 1})])
    url = product.base_url + path
    return httpx.request(method, url, content=body, headers=told, timeout=60, trust_env=False)


def test_the_paths_are_all_there_are(product: Product) -> None:
    """A new path of the Import API is documented, and so it is tried here."""
    documented = httpx.get(product.base_url + "/openapi.json", timeout=30, trust_env=False).json()["paths"]
    assert {"/v2/import/status", *IMPORT_PATHS} == {
        each for each in documented if each.startswith("/v2/import")
    }


@pytest.mark.parametrize(("method", "path"), EVERYWHERE, ids=str)
def test_a_cookie_lets_nobody_in(
    product: Product, secrets: Secrets, method: str, path: str, exercised: Callable[[str], None]
) -> None:
    """Whatever a browser sends by itself, no path of either interface takes it for a token. (A1, W2)"""
    exercised("who is let in: every path")
    good = (secrets.access, secrets.connect, secrets.session)
    cookies = [f"{name}={each}" for each in good for name in ("session", "access_token", "Authorization")]
    answer = sent(product, method, path, {"Cookie": "; ".join(cookies)})
    assert (401, "Not Authorized") == (answer.status_code, answer.json()["message"])
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", IMPORT_PATHS)
@pytest.mark.parametrize(
    "kind", ["revoked", "expired", "connect", "read_only", "disabled", "session", "link"]
)
def test_no_other_secret_pushes(product: Product, secrets: Secrets, path: str, kind: str) -> None:
    """Revoked and expired tokens, tokens of accounts, and what pages hold open no path. (W2, A2, C22, C29)"""
    answer = sent(product, "POST", path, {"Authorization": f"Bearer {getattr(secrets, kind)}"})
    assert (401, "Not Authorized") == (answer.status_code, answer.json()["message"])


@pytest.mark.parametrize(("method", "path"), CONNECT, ids=str)
@pytest.mark.parametrize("kind", ["access", "revoked", "disabled", "session", "link"])
def test_no_other_secret_runs_an_account(
    product: Product, secrets: Secrets, method: str, path: str, kind: str
) -> None:
    """Tokens of sources, disabled tokens, and what pages hold open no endpoint. (A2, A3, C22, C29)"""
    answer = sent(product, method, path, {"Authorization": f"Bearer {getattr(secrets, kind)}"})
    assert (401, {"message": "Not Authorized"}) == (answer.status_code, answer.json())


@pytest.mark.parametrize(("method", "path"), CONNECT, ids=str)
def test_a_read_only_token_reads(product: Product, secrets: Secrets, method: str, path: str) -> None:
    """It is let in everywhere, and changes nothing, whatever the path names. (A15)"""
    answer = sent(product, method, path, {"Authorization": f"Bearer {secrets.read_only}"})
    if method == "GET":
        assert answer.status_code in {200, 400, 404} or path.startswith("/v4/client_id/")
        assert "may only read" not in answer.text
    else:
        refusal = {"error": "AccessDenied", "data": {"message": "this access token may only read"}}
        assert (403, refusal) == (answer.status_code, answer.json())


def test_a_read_only_token_lists_what_a_member_lists(product: Product, secrets: Secrets) -> None:
    """Reading is the same for both. (A15)"""
    listed = [
        sent(product, "GET", "/v4/sources", {"Authorization": f"Bearer {each}"}).json()
        for each in (secrets.connect, secrets.read_only)
    ]
    assert listed[0] == listed[1]
    assert len(listed[0]) == 3


def test_a_paused_sources_token_is_told_so(product: Product, secrets: Secrets) -> None:
    """The sender learns that the token is good and the source is not active. (W2)"""
    answer = sent(product, "POST", "/v2/import/push", {"Authorization": f"Bearer {secrets.paused}"})
    assert (401, True) == (answer.status_code, "Connection is not active." in answer.text)


def test_an_account_cannot_push_as_another(product: Product, secrets: Secrets) -> None:
    """The one id of another account that a push can name is refused. (P12)"""
    record = product.record("orders", 1, {"id": 1}) | {"client_id": product.client_id + 1}
    for path in IMPORT_PATHS[:2]:
        headers = {"Authorization": f"Bearer {secrets.access}"}
        url = product.base_url + path
        assert 403 == httpx.post(url, json=[record], headers=headers, timeout=60, trust_env=False).status_code


def test_what_a_program_changes_is_noted_with_its_token(product: Product, secrets: Secrets) -> None:
    """The audit log tells programs apart by the last four characters of their tokens. (C25)"""
    headers = {"Authorization": f"Bearer {secrets.connect}"}
    url = f"{product.base_url}/v4/sources"
    body = {"type": "import_api", "display_name": "Noted"}
    made = httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False).json()
    found = json.loads(product.run("audit", "--who", f"...{secrets.connect[-4:]}", "--json").stdout)
    assert ["source created"] == [each["action"] for each in found]
    httpx.delete(f"{url}/{made['id']}", headers=headers, timeout=60, trust_env=False).raise_for_status()


def test_an_imported_value_works_with_a_published_client(
    product: Product, exercised: Callable[[str], None]
) -> None:
    """A script made for Stitch keeps its token and needs a new address alone; its use is seen. (C31, C32)"""
    product.run("sources", "create", "Moved")
    product.run("tokens", "revoke", str(_listed(product)[0]["id"]))
    imported = product.run("tokens", "import", "moved", "--json", input=VALUE + "\n")
    assert VALUE not in imported.stdout + imported.stderr
    record = {
        "action": "upsert",
        "table_name": "moved",
        "key_names": ["id"],
        "sequence": 1,
        "data": {"id": 1},
    }
    pushed = stitchclient_pushing(product.base_url, VALUE, product.client_id, [record])
    assert 0 == pushed.returncode, pushed.stderr
    used = wait_until(lambda: _listed(product)[0]["last_used_at"], what="the last use")
    assert used.endswith(":00.000Z")
    exercised("client: stitchclient 1.0.1, with an imported token")


def _listed(product: Product) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(product.run("tokens", "list", "moved", "--json").stdout)
    return found


def test_the_use_of_a_connect_token_is_seen(product: Product, secrets: Secrets) -> None:
    """People see which tokens nobody needs any more. (C31)"""
    sent(product, "GET", "/v4/sources", {"Authorization": f"Bearer {secrets.connect}"})

    def used() -> list[str]:
        listed = json.loads(product.run("connect-tokens", "list", "--json").stdout)
        return [each["last_four"] for each in listed if each["last_used_at"]]

    wait_until(lambda: secrets.connect[-4:] in used(), what="the last use")
    assert secrets.disabled[-4:] not in used()
