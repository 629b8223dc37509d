"""Hooks, notifications and mails of the whole product: real loads, real receivers, a real mail server."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.product import Product
from tests.receivers import Mailbox, Received, Receiver, mail_server, make_certificate, receiving
from tests.waiting import wait_until

HOOKS = "/notifications/public/v1/api/hooks"
QUICK = {
    "TIDEGATE_HOOK_ADDRESSES": "any",
    "TIDEGATE_HOOK_RETRY_WAIT_S": "0.05",
    "TIDEGATE_MAIL_RETRY_WAIT_S": "0.2",
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Product]]:
    """Start the product with settings."""
    started: list[Product] = []

    def starting(**environ: str) -> Product:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "tidegate.toml").write_text('hook_schemes = "any"\n')
        product = Product(tmp_path / "data", flags=("--workers", "1"), environ=QUICK | environ)
        started.append(product)
        return product.start()

    yield starting
    for each in started:
        each.close()


def listed(product: Product, *command: str) -> Any:
    """Return what a command prints as JSON."""
    return json.loads(product.run(*command, "--json").stdout)


def push(product: Product, number: int, table_name: str = "orders", **data: Any) -> None:
    """Push one record."""
    record = product.record(table_name, number, {"id": number, **data})
    with product.client() as client:
        assert client.post("/v2/import/push", json=[record]).status_code in {201, 202}


def received(receiver: Receiver, count: int) -> list[Received]:
    """Wait until a receiver has so many calls; one that a killed process was making comes a minute later."""
    wait_until(lambda: len(receiver.received) >= count, within_s=120, what=f"{count} calls")
    return receiver.received


def signed_by(secret: str, call: Received) -> bool:
    """Check a signature as the how-to page does."""
    told = dict(each.split("=", 1) for each in call.headers["X-Tidegate-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{told['t']}.".encode() + call.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, told["v1"])


def delivery(product: Product, state: str) -> Any:
    """Wait until the newest delivery has a state."""
    return wait_until(
        lambda: next(
            (
                each
                for each in listed(product, "hooks", "deliveries", "--limit", "1")
                if each["state"] == state
            ),
            None,
        ),
        within_s=60,
        what=f"a delivery {state}",
    )


def test_a_load_is_told_by_https(
    start: Callable[..., Product], tmp_path: Path, exercised: Callable[[str], None]
) -> None:
    """A hook made by a program is called once for each table, signed, with its numbers. (N10, N12-N14)"""
    exercised("hooks: the whole product, by https")
    certificate = make_certificate(tmp_path)
    product = start(SSL_CERT_FILE=str(certificate), TIDEGATE_HOOK_SCHEMES="https")
    secret = listed(product, "connect-tokens", "create")["access_token"]
    with receiving(Receiver(), certificate=certificate) as receiver:
        body = {"type": "post_load", "config": {"url": receiver.url}}
        headers = {"Authorization": f"Bearer {secret}"}
        answer = httpx.post(product.base_url + HOOKS, json=body, headers=headers, timeout=60, trust_env=False)
        hook = answer.raise_for_status().json()
        push(product, 1, items=[{"sku": "a"}, {"sku": "b"}])
        (call,) = received(receiver, 1)
        assert signed_by(hook["signing_secret"], call)
        assert ("StitchLoadingWebhook", "application/json", "/loads?key=topsecret") == (
            call.headers["User-Agent"],
            call.headers["Content-Type"],
            call.path,
        )
        told = json.loads(call.body)
        assert ("import_api", "orders") == (told["integration_name"], told["source_root_table_name"])
        assert [("orders", "orders", 1), ("items", "orders__items", 2)] == [
            (each["source_table_name"], each["destination_table_name"], each["num_rows"])
            for each in told["tables"]
        ]
        assert 200 == delivery(product, "delivered")["http_status"]
        product.run("hooks", "test", "1")
        assert "test" == json.loads(received(receiver, 2)[1].body)["source_root_table_name"]
        product.run("hooks", "disable", "1")
        push(product, 2)
        product.wait_until_loaded()
        product.run("hooks", "enable", "1")
        push(product, 3)
        third = json.loads(received(receiver, 3)[2].body)
        assert ("orders", 1) == (third["source_root_table_name"], third["tables"][0]["num_rows"])
    logged = product.log_path.read_text()
    assert (True, False, False) == (
        '"event":"hook called"' in logged,
        "topsecret" in logged,
        hook["signing_secret"] in logged,
    )


def test_a_receiver_that_refuses_is_told_by_mail_and_the_load_counts(start: Callable[..., Product]) -> None:
    """Five more attempts, then one notification and its mails; a delivery ends it. (N21, N30, N44, N45)"""
    mailbox = Mailbox(refusals=["451 come back later"])
    with mail_server(mailbox), receiving(Receiver(lambda number: 500 if number < 6 else 200)) as receiver:
        product = start(TIDEGATE_SMTP_URL=f"smtp://127.0.0.1:{mailbox.port}?tls=none")
        product.run("emails", "create", "ops@example.com")
        product.run("emails", "create", "away@example.com")
        product.run("emails", "disable", "2")
        product.run("users", "create", "owner@example.com", "--role", "owner", stdin=-3)
        product.run("hooks", "create", receiver.url)
        push(product, 1)
        failed = delivery(product, "failed")
        assert (6, 500) == (failed["attempts"], failed["http_status"])
        assert 1 == len({each.headers["X-Tidegate-Delivery"] for each in received(receiver, 6)})
        wait_until(lambda: len(mailbox.recipients) >= 2, within_s=60, what="two mails")
        assert {"ops@example.com", "owner@example.com"} == set(mailbox.recipients)
        mail = mailbox.mails[0]
        assert "Tidegate Notification - Unable to Deliver Post Load Notification" == mail["Subject"]
        assert ("tidegate@localhost", "auto-generated") == (mail["From"], mail["Auto-Submitted"])
        text = mail.get_payload()
        assert "localhost answered with status 500" in str(text)
        (notification,) = listed(product, "notifications", "list")
        assert ("hook_undeliverable", "warning", 1) == tuple(
            notification[name] for name in ("kind", "level", "times")
        )
        wait_until(lambda: product.metric("tidegate_hook_calls_total") == 6, what="six calls counted")
        (load,) = listed(product, "loads")
        assert (1, None) == (load["rows_loaded"], load["error"])
        push(product, 2)
        wait_until(lambda: [] == listed(product, "notifications", "list"), within_s=60, what="its end")
        (ended,) = listed(product, "notifications", "list", "--all")
        assert ended["ended_at"] is not None
        assert 2 == len(mailbox.mails)
        wait_until(
            lambda: {"delivered"} == {each["state"] for each in listed(product, "notifications", "mails")},
            within_s=60,
            what="both mails noted",
        )
    assert "topsecret" not in product.log_path.read_text() + "".join(str(each) for each in mailbox.mails)


def test_private_addresses_are_not_called_by_default(start: Callable[..., Product]) -> None:
    """Nor tried again: the receiver hears nothing, and people are told why. (N16)"""
    with receiving(Receiver()) as receiver:
        product = start(TIDEGATE_HOOK_ADDRESSES="public")
        product.run("hooks", "create", receiver.url)
        push(product, 1)
        failed = delivery(product, "failed")
        assert (1, None, True) == (failed["attempts"], failed["http_status"], "not public" in failed["error"])
        assert 1 == len(listed(product, "notifications", "list"))
    assert [] == receiver.received


def test_a_killed_process_loses_no_call_and_makes_none_for_ever(start: Callable[..., Product]) -> None:
    """What was under way is made again with the same number; loading goes on meanwhile. (N20, N23)"""
    with receiving(Receiver()) as receiver:
        product = start(TIDEGATE_HOOK_WAIT_S_MAX="5", TIDEGATE_HOOK_RETRIES_MAX="2")
        product.run("hooks", "create", receiver.url)
        receiver.held.clear()
        push(product, 1)
        received(receiver, 1)
        assert product.kill("notifier")
        receiver.held.set()
        product.wait_until_loaded()
        push(product, 2)
        calls = wait_until(
            lambda: (
                [json.loads(each.body) for each in receiver.received] if len(receiver.received) >= 3 else None
            ),
            within_s=120,
            what="the call that was under way, and the next",
        )
        assert {"orders"} == {each["source_root_table_name"] for each in calls}
        wait_until(
            lambda: {"delivered"} == {each["state"] for each in listed(product, "hooks", "deliveries")},
            within_s=60,
            what="both delivered",
        )
        assert [1, 2] == sorted(each["attempts"] for each in listed(product, "hooks", "deliveries"))


def test_calls_survive_a_crash_of_everything(start: Callable[..., Product]) -> None:
    """A receiver that was down while the server died hears of the load after both are back. (N11, N20)"""
    down = Receiver()
    with socket.socket() as kept:  # has the port, so that no one else gets it, and does not listen
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        down.port = kept.getsockname()[1]
        product = start(TIDEGATE_HOOK_RETRIES_MAX="20", TIDEGATE_HOOK_RETRY_WAIT_S="1")
        hook = listed(product, "hooks", "create", down.url)
        push(product, 1)
        wait_until(
            lambda: any(each["attempts"] for each in listed(product, "hooks", "deliveries")),
            within_s=60,
            what="an attempt",
        )
        product.kill()
        product.start()
        with receiving(down, port=down.port) as receiver:
            (call,) = received(receiver, 1)
            assert signed_by(hook["signing_secret"], call)
            delivery(product, "delivered")
    assert 1 == len(down.received)


def test_troubles_of_destinations_and_records_are_told(start: Callable[..., Product], tmp_path: Path) -> None:
    """A failing destination after its time, rejected records at once; by STARTTLS. (N31, N40-N43)"""
    certificate = make_certificate(tmp_path)
    mailbox = Mailbox()
    signed_in: list[bytes] = []

    def authenticator(*arguments: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        signed_in.append(arguments[-1].password)
        return AuthResult(success=True)

    with mail_server(mailbox, certificate=certificate, authenticator=authenticator, auth_required=True):
        product = start(
            SSL_CERT_FILE=str(certificate),
            TIDEGATE_SMTP_URL=f"smtp://tidegate:mailsecret@localhost:{mailbox.port}",
            TIDEGATE_MAIL_AFTER_S="1",
            TIDEGATE_MAIL_ERRORS="hidden",
        )
        product.run("emails", "create", "ops@example.com")
        push(product, 1, "plain", price=1)
        with product.client() as client:
            far = [product.record("far", number, {"id": 1, "n": 10**40}) for number in (1, 2)]
            assert client.post("/v2/import/push", json=far).status_code in {201, 202}
        wait_until(lambda: mailbox.mails, within_s=60, what="a mail of rejected records")
        assert "Tidegate Notification - Some of your records were rejected" == mailbox.mails[0]["Subject"]
        url = listed(product, "destinations", "list")[0]["url"]
        Path(url.removeprefix("duckdb:///")).rename(tmp_path / "aside.duckdb")
        Path(url.removeprefix("duckdb:///")).mkdir()
        push(product, 2, "plain", price=2)
        wait_until(lambda: len(mailbox.mails) >= 2, within_s=60, what="a mail of the destination")
        assert mailbox.mails[1]["Subject"].endswith("We're having trouble writing to your data warehouse")
        shown = listed(product, "notifications", "list")
        assert {"load_error", "rejected_records"} == {each["kind"] for each in shown}
        (error,) = [each["error"] for each in shown if each["kind"] == "load_error"]
        assert (True, False) == (bool(error), error in mailbox.mails[1].get_payload())
        assert 3 == product.run("destinations", "check", "1", check=False).returncode
        dismissed = next(each for each in shown if each["kind"] == "rejected_records")
        product.run("notifications", "dismiss", str(dismissed["id"]))
        Path(url.removeprefix("duckdb:///")).rmdir()
        (tmp_path / "aside.duckdb").rename(url.removeprefix("duckdb:///"))
        wait_until(lambda: [] == listed(product, "notifications", "list"), within_s=90, what="all well")
        assert listed(product, "destinations", "check", "1")["error"] is None
    assert {b"mailsecret"} == set(signed_in)
    assert "mailsecret" not in product.log_path.read_text() + product.run("config").stdout
