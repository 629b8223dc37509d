"""`tidegate serve` as a user meets it: first start, later starts, refusals, signals, dead children."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.product import TIDEGATE, Product, is_gone
from tests.waiting import wait_until

Exercised = Callable[[str], None]
HangUp = Callable[[signal.Handlers], object]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A started product."""
    running = Product(tmp_path / "data", flags=("--workers", "2"), environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    yield running
    running.close()


def test_a_pushed_record_becomes_a_row(product: Product, exercised: Exercised) -> None:
    """The spine: push over HTTP, and the table has the row."""
    record = product.record("hello", 1, {"id": 1, "greeting": "The tide is in"})
    with product.client() as client:
        answer = client.post("/v2/import/push", json=[record])
    assert (201, "Batch Accepted!") == (answer.status_code, answer.json()["message"])
    product.wait_until_loaded()
    assert [{"id": 1, "greeting": "The tide is in"}] == product.rows("SELECT id, greeting FROM hello")
    exercised("spine: gate, journal, loader, duckdb")


def test_the_first_start_tells_a_secret_and_later_starts_do_not(product: Product) -> None:
    """The access token and the owner's password are shown once; a second start tells the rest again."""
    secrets = {"access_token", "owner_email", "owner_password"}
    assert {"base_url", "client_id", "source_id", "warehouse"} | secrets == set(product.about)
    first = dict(product.about)
    assert 0 == product.stop()
    product.start()
    assert {key: value for key, value in first.items() if key not in secrets} == product.about
    told = product.log_path.read_text()
    assert [] == [key for key in ("access_token", "owner_password") if first[key] in told]
    assert [("owner@localhost", "owner")] == [
        (each["email"], each["role"]) for each in json.loads(product.run("users", "list", "--json").stdout)
    ]


def test_the_data_folder_is_private(product: Product) -> None:
    """Nobody but the owner gets into the data folder."""
    assert 0o700 == stat.S_IMODE(product.data_dir.stat().st_mode)
    wait_until((product.data_dir / "journal.db").exists, what="the journal")
    for name in ("control.db", "journal.db"):
        assert 0o600 == stat.S_IMODE((product.data_dir / name).stat().st_mode)


def test_the_printed_lines_can_be_pasted(tmp_path: Path) -> None:
    """The curl line and the command that shows the table, both exactly as printed, show the row."""
    data_dir = tmp_path / "data"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*TIDEGATE, "serve", "--data-dir", str(data_dir), "--port", "0", "--workers", "1"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not any(" sql '" in line for line in lines):
            line = process.stdout.readline()
            assert line, (tmp_path / "log").read_text()
            lines.append(line)
        printed = "".join(lines)
        curl = re.search(r"  (curl .*?\n(?:    .*\n)*)", printed)
        show = re.search(r"  \S+ (sql '.*)\n", printed)
        assert curl is not None
        assert show is not None
        pushed = subprocess.run(
            ["bash", "-c", "curl -s --noproxy '*' " + curl[1].removeprefix("curl ")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Batch Accepted!" in pushed.stdout
        command = f"{' '.join(TIDEGATE)} {show[1]}"

        def shown() -> str:
            return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False).stdout

        assert "The tide is in" in wait_until(lambda: shown() or None, within_s=30, what="the row")
    finally:
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def test_a_second_start_on_the_same_folder_is_refused(product: Product) -> None:
    """The message names the process that holds the folder."""
    assert product.process is not None
    second = subprocess.run(
        [*TIDEGATE, "serve", "--data-dir", str(product.data_dir), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert 3 == second.returncode
    assert f"in use by process {product.process.pid}" in second.stderr


def test_a_taken_port_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """The message names the address and the way out; no token was made that nobody saw."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        started = subprocess.run(
            [*TIDEGATE, "serve", "--data-dir", str(tmp_path / "data"), "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert 3 == started.returncode
    assert f"127.0.0.1:{port} is taken by another program; choose another with --port" in started.stderr
    assert not (tmp_path / "data" / "control.db").exists()


def test_sigterm_finishes_what_was_accepted(product: Product) -> None:
    """SIGTERM ends the whole product with exit code 0 within 10 s, and loses nothing."""
    records = [product.record("t", 1, {"id": number}) for number in range(100)]
    with product.client() as client:
        assert 201 == client.post("/v2/import/push", json=records).status_code
    children = product.processes()
    assert 0 == product.stop()
    assert all(map(is_gone, children))
    product.start()
    product.wait_until_loaded()
    assert [{"rows": 100}] == product.rows("SELECT count(*) AS rows FROM t")


def test_a_request_in_flight_is_finished_on_sigterm(product: Product) -> None:
    """A body that is being sent when SIGTERM comes is still accepted and answered."""
    body = json.dumps([product.record("t", 1, {"id": 1})]).encode()
    host, port = product.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(_head(product, len(body)))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        assert product.process is not None
        product.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in product.log_path.read_text(), what="the stop")
        connection.sendall(body)
        answer = b"".join(iter(lambda: connection.recv(10_000), b""))
    assert b"Batch Accepted!" in answer
    assert 0 == product.stop()


def test_an_impatient_person_does_not_spoil_the_end(product: Product) -> None:
    """Signals come until the process is gone, also when Python has given up its handlers already."""
    process = product.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in product.log_path.read_text(), what="the stop")

    def gone() -> bool:
        process.send_signal(signal.SIGTERM)
        return process.poll() is not None

    wait_until(gone, within_s=60, what="the end")
    assert 0 == product.stop()


@pytest.fixture
def hang_up() -> Iterator[HangUp]:
    """Say what processes started from here on inherit for SIGHUP."""
    before = signal.getsignal(signal.SIGHUP)
    yield lambda handler: signal.signal(signal.SIGHUP, handler)
    signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_ends_it(product: Product, hang_up: HangUp) -> None:
    """As other programs do."""
    assert 0 == product.stop()
    hang_up(signal.SIG_DFL)
    process = product.start().process
    assert process is not None
    process.send_signal(signal.SIGHUP)
    assert 0 == process.wait(60)


def test_with_nohup_it_outlives_the_terminal(product: Product, hang_up: HangUp) -> None:
    """SIGHUP that was ignored when it started changes nothing."""
    assert 0 == product.stop()
    already = product.log_path.read_text().count("stopping")
    hang_up(signal.SIG_IGN)
    process = product.start().process
    assert process is not None
    process.send_signal(signal.SIGHUP)
    with product.client() as client:
        answer = client.post("/v2/import/push", json=[product.record("t", 1, {"id": 1})])
    assert 201 == answer.status_code
    product.wait_until_loaded()
    assert [{"id": 1}] == product.rows("SELECT id FROM t")
    assert already == product.log_path.read_text().count("stopping")


@pytest.mark.parametrize("part", ["gate", "loader"])
def test_a_dead_process_is_started_again(product: Product, part: str) -> None:
    """Whichever part is killed, records still become rows."""
    assert 0 < product.kill(part)
    with product.client(transport=httpx.HTTPTransport(retries=10)) as client:
        answer = client.post("/v2/import/push", json=[product.record("t", 1, {"id": 1})])
    assert 201 == answer.status_code
    product.wait_until_loaded()
    assert [{"id": 1}] == product.rows("SELECT id FROM t")


def test_children_do_not_outlive_a_killed_supervisor(product: Product) -> None:
    """When only the supervisor is killed its children stop by themselves, so that nothing runs unseen."""
    children = product.processes()
    assert product.process is not None
    os.kill(product.process.pid, signal.SIGKILL)
    product.process.wait(10)
    wait_until(lambda: all(map(is_gone, children)), within_s=30, what="the children's end")


def test_operators_see_health_readiness_and_numbers(product: Product) -> None:
    """`/healthz`, `/readyz` and `/metrics` answer; the counters are right across processes."""
    for number in range(20):
        with product.client() as client:
            assert (
                201
                == client.post("/v2/import/push", json=[product.record("t", number, {"id": 1})]).status_code
            )
    product.wait_until_loaded()
    with httpx.Client(base_url=product.base_url, trust_env=False) as client:
        assert {"status": "ok"} == client.get("/healthz").json()
        assert {"status": "ready"} == client.get("/readyz").json()
        assert {"message": "Not Found"} == client.get("/nothing").json()
    assert 20 == product.metric("tidegate_requests_total")
    assert 20 == product.metric("tidegate_records_total")
    assert 0 < product.metric("tidegate_loads_total")
    assert 0 < product.metric("tidegate_journal_bytes")
    # What a process leaves that is killed right after it has made its file.
    (product.data_dir / "metrics" / "counter_1.db").touch()
    assert 20 == product.metric("tidegate_requests_total")


def test_log_lines_are_json_with_request_ids(product: Product) -> None:
    """Each request leaves one line with its id, source, outcome; the client's own id is kept."""
    with product.client() as client:
        answer = client.post("/v2/import/push", json=[], headers={"X-Request-Id": "mine-1"})
    assert "mine-1" == answer.headers["x-request-id"]

    def line() -> dict[str, object] | None:
        whole, _, _ = product.log_path.read_text().rpartition("\n")
        lines = [json.loads(each) for each in whole.splitlines()]
        return next((each for each in lines if each.get("request_id") == "mine-1"), None)

    seen = wait_until(line, what="the log line")
    expected = {
        "event": "request",
        "endpoint": "push",
        "outcome": "array_expected",
        "status": 400,
        "source_id": 1,
    }
    assert expected == {key: seen[key] for key in expected}


def _head(product: Product, body_bytes: int) -> bytes:
    """Return the head of a push request that waits for the server's go-ahead before its body."""
    lines = [
        "POST /v2/import/push HTTP/1.1",
        "Host: tidegate",
        f"Authorization: Bearer {product.access_token}",
        "Content-Type: application/json",
        f"Content-Length: {body_bytes}",
        "Expect: 100-continue",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
