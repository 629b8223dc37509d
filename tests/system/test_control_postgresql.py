"""The product with its control store on PostgreSQL: all of it works, and goes on when the server was away."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.conformance import postgres_server
from tests.conformance.postgres_server import PASSWORD, QUOTED_PASSWORD, own_server
from tests.product import TIDEGATE, Product
from tests.waiting import wait_until

Exercised = Callable[[str], None]
URL_ENV = "TIDEGATE_CONTROL_URL"


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty control store, set for every process of this test."""
    address = f"postgresql://{postgres_server.server().new_database()}"
    monkeypatch.setenv(URL_ENV, address)
    return address


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """The product, to be started."""
    running = Product(
        tmp_path / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1", "TIDEGATE_RETRY_WAIT_S_MAX": "0.5"},
    )
    yield running
    running.close()


@pytest.mark.usefixtures("url")
def test_server_and_commands_share_a_store_elsewhere(
    product: Product, exercised: Exercised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources, tokens, pushing, loading and status work, and no file holds what PostgreSQL holds. (C1)"""
    product.start()
    with product.client() as client:
        assert 201 == client.post("/v2/import/push", json=[product.record("t", 1, {"id": 1})]).status_code
    product.wait_until_loaded()
    assert [{"id": 1}] == product.rows("SELECT id FROM t")
    made = json.loads(product.run("sources", "create", "Web shop", "--json").stdout)
    assert ["import_api", "web_shop"] == [
        each["schema_name"] for each in json.loads(product.run("sources", "list", "--json").stdout)
    ]
    with httpx.Client(base_url=product.base_url, timeout=60, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {made['access_token']}"}
        record = product.record("orders", 1, {"id": 1})
        assert 201 == client.post("/v2/import/push", json=[record], headers=headers).status_code
    assert not (product.data_dir / "control.db").exists()
    _assert_untold(product)
    monkeypatch.delenv(URL_ENV)
    elsewhere = product.run("sources", "list", check=False)
    assert 2 == elsewhere.returncode
    assert "setting control_url" in elsewhere.stderr
    assert not (product.data_dir / "control.db").exists()
    exercised("control store: postgresql, whole product")


def _assert_untold(product: Product) -> None:
    """The address's password stands in no answer, log or file for people."""
    shown = [
        product.run("config").stdout,
        product.run("config", "--json").stdout,
        product.run("status", check=False).stdout,
        product.log_path.read_text(),
        (product.data_dir / "server.json").read_text(),
    ]
    assert "postgresql://tidegate:***@" in shown[1]
    assert [] == [text for text in shown if PASSWORD in text or QUOTED_PASSWORD in text]


@pytest.mark.usefixtures("url")
def test_a_store_has_one_server(product: Product, tmp_path: Path) -> None:
    """Two would load the same sources from two journals; when the first is gone, another may. (C40)"""
    product.start()
    refused = _started(tmp_path / "other")
    assert 3 == refused.returncode
    assert "is in use by another running `tidegate serve`" in " ".join(refused.stderr.split())
    assert PASSWORD not in refused.stderr
    product.kill()
    product.start()


class Sender:
    """A client that sends one record after another, and remembers which were accepted."""

    def __init__(self, product: Product) -> None:
        self.accepted: list[int] = []
        self.statuses: list[int] = []
        self._product = product
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for(self, status: int) -> None:
        """Wait until that status is answered from now on."""
        seen = len(self.statuses)
        wait_until(lambda: status in self.statuses[seen:], within_s=60, what=f"an answer {status}")

    def stop(self) -> None:
        """Stop sending."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with self._product.client() as client:
            number = 0
            while not self._stop.is_set():
                number += 1
                answer = client.post(
                    "/v2/import/push", json=[self._product.record("t", number, {"id": number})]
                )
                self.statuses.append(answer.status_code)
                if answer.status_code in {201, 202}:
                    self.accepted.append(number)


def test_nothing_is_lost_while_postgresql_restarts(
    product: Product, monkeypatch: pytest.MonkeyPatch, exercised: Exercised
) -> None:
    """While nobody can tell who may push, clients get 503; all processes go on when it is back. (C18, P11)"""
    with own_server() as server:
        monkeypatch.setenv(URL_ENV, f"postgresql://{server.new_database()}")
        product.start()
        sender = Sender(product)
        try:
            wait_until(lambda: _reported(product), within_s=60, what="the first report")
            processes = _gates_and_loader(product)
            for take_away in (server.stop, server.kill):
                sender.wait_for(201)
                take_away()
                sender.wait_for(503)
                server.start()
            sender.wait_for(201)
        finally:
            sender.stop()
        product.wait_until_loaded()
        assert [{"n": len(sender.accepted)}] == product.rows("SELECT count(*) AS n FROM t")
        wait_until(
            lambda: _reported(product) == len(sender.accepted), within_s=60, what="every row in the usage"
        )
        assert product.status()["healthy"]
        assert processes == _gates_and_loader(product)
        assert {201, 503} >= set(sender.statuses)
    exercised("control store: postgresql, restarts")


def test_a_silent_postgresql_holds_up_nothing_else(
    product: Product, monkeypatch: pytest.MonkeyPatch, exercised: Exercised
) -> None:
    """A server that neither answers nor hangs up: 503 within seconds, and the process does all else. (C18)"""
    with own_server() as server:
        monkeypatch.setenv(URL_ENV, f"postgresql://{server.new_database()}")
        product.start()
        sender = Sender(product)
        try:
            sender.wait_for(201)
            with server.silent():
                wait_until(lambda: sender.statuses[-1] == 503, within_s=60, what="an answer 503")
                with product.client() as client:
                    assert 200 == client.get("/healthz").status_code
            sender.wait_for(201)
        finally:
            sender.stop()
        product.wait_until_loaded()
        assert [{"n": len(sender.accepted)}] == product.rows("SELECT count(*) AS n FROM t")
    exercised("control store: postgresql, silent")


def _gates_and_loader(product: Product) -> set[int]:
    return {each.pid for part in ("gate", "loader") for each in product.processes(part)}


def _reported(product: Product) -> int:
    days = json.loads(product.run("usage", "--json").stdout)
    return sum(int(each["rows_loaded"]) for each in days)


@pytest.mark.parametrize("where", ["postgresql", "sqlite"])
@pytest.mark.parametrize("given", [True, False])
def test_secrets_are_sealed_with_the_given_key_or_one_of_our_own(
    where: str, product: Product, monkeypatch: pytest.MonkeyPatch, *, given: bool
) -> None:
    """TIDEGATE_SECRET_KEY reaches every process; without it a key file of mode 0600 is made. (C15)"""
    if where == "postgresql":
        monkeypatch.setenv(URL_ENV, f"postgresql://{postgres_server.server().new_database()}")
    if given:
        monkeypatch.setenv("TIDEGATE_SECRET_KEY", Fernet.generate_key().decode())
    warehouse = postgres_server.server().new_database()
    product.start("--destination", f"postgresql://{warehouse}")
    with product.client() as client:
        assert 201 == client.post("/v2/import/push", json=[product.record("t", 1, {"id": 1})]).status_code
    product.wait_until_loaded()
    assert [{"id": 1}] == product.rows("SELECT id FROM t")
    key_file = product.data_dir / "secret.key"
    assert given != key_file.exists()
    assert given or "600" == f"{key_file.stat().st_mode & 0o777:o}"
    assert os.environ.get("TIDEGATE_SECRET_KEY", QUOTED_PASSWORD) not in product.log_path.read_text()


def _started(data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Start a server that cannot start."""
    command = [*TIDEGATE, "serve", "--data-dir", str(data_dir), "--port", "0", "--workers", "1"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_folder_with_a_store_of_its_own_is_not_served_with_another(url: str, tmp_path: Path) -> None:
    """Its journal belongs to the sources of that store, which another one does not know."""
    (tmp_path / "control.db").touch()
    refused = _started(tmp_path)
    assert 2 == refused.returncode
    assert f"{tmp_path / 'control.db'} is this folder's control store" in " ".join(refused.stderr.split())
    assert PASSWORD not in refused.stderr
    assert url not in refused.stderr


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("postgresql://a:sesame@127.0.0.1:1/db", 3, "a:***@127.0.0.1:1/db cannot be used right now"),
        ("postgresql://a:ses@me@127.0.0.1:1/db", 1, "percent-encode"),
        ("postgresql://a:sesame%zz@127.0.0.1:1/db", 1, "percent-encode"),
        ("mysql://a:sesame@127.0.0.1/db", 1, "a postgresql:// URL"),
    ],
)
def test_an_address_that_leads_nowhere_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, code: int, words: str
) -> None:
    """The message says what is wrong and what to do, and repeats no secret. (C15)"""
    monkeypatch.setenv(URL_ENV, address)
    refused = _started(tmp_path / "data")
    assert code == refused.returncode, refused.stderr
    assert words in " ".join(refused.stderr.split())
    assert "ses" not in refused.stderr
