"""`tidegate push` as a user meets it: files in, rows in the warehouse."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from tests.product import TIDEGATE, Product
from tests.waiting import wait_until

Exercised = Callable[[str], None]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product, shared: each test pushes to its own table."""
    data_dir = tmp_path_factory.mktemp("push") / "data"
    running = Product(data_dir, flags=("--workers", "1"), environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    yield running
    running.close()


def push(product: Product, *arguments: str, **options: Any) -> dict[str, Any]:
    """Push and return the summary."""
    summary: dict[str, Any] = json.loads(product.run("push", *arguments, "--json", **options).stdout)
    return summary


def loaded(product: Product, sql: str) -> list[dict[str, Any]]:
    """Return the rows once all is loaded."""
    product.wait_until_loaded()
    return product.rows(sql)


def test_a_csv_file_becomes_a_table_without_a_token(
    product: Product, tmp_path: Path, exercised: Exercised
) -> None:
    """On the server's machine a file and a table name are enough; codes stay text, numbers are numbers."""
    file = tmp_path / "cars.csv"
    file.write_text("id,code,price,sold,note\n1,007,1.50,true,\n2,010,2,false,x\n", encoding="utf-8")
    assert 2 == push(product, "cars", str(file), "--key", "id")["records"]
    assert [
        {"id": 1, "code": "007", "price": 1.5, "sold": True, "note": None},
        {"id": 2, "code": "010", "price": 2.0, "sold": False, "note": "x"},
    ] == loaded(product, "SELECT id, code, price, sold, note FROM cars ORDER BY id")
    exercised("push command: csv")


@pytest.mark.parametrize("name", ["rows.json", "rows.ndjson", "rows.ndjson.gz", "rows.txt"])
def test_json_files_become_tables(product: Product, tmp_path: Path, name: str) -> None:
    """Arrays and lines, packed or not, known by name or by content, are one to the user."""
    rows = [{"id": number, "big": 2**60 + number} for number in range(50)]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    content = json.dumps(rows).encode() if name == "rows.json" else lines
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    table = "from_" + name.replace(".", "_")
    summary = push(product, table, str(tmp_path / name), "--key", "id", "--batch-size", "20")
    assert (50, 3) == (summary["records"], summary["requests"])
    assert rows == loaded(product, f"SELECT id, big FROM {table} ORDER BY id")


def test_csv_from_standard_input_without_keys(product: Product) -> None:
    """A pipe is read like a file; without keys each push adds rows."""
    for _ in range(2):
        push(product, "piped", "-", "--strings", input="a,b\n1,2\n")
    assert [{"a": "1", "b": "2"}] * 2 == loaded(product, "SELECT a, b FROM piped")


def test_later_rows_win(product: Product, tmp_path: Path) -> None:
    """With a key a row sent later replaces the earlier one, in one push and over several."""
    file = tmp_path / "rows.ndjson"
    for texts in (("a", "b"), ("c",)):
        file.write_text(
            "".join(json.dumps({"id": 1, "text": text}) + "\n" for text in texts), encoding="utf-8"
        )
        push(product, "winners", str(file), "--key", "id")
    assert [{"text": "c"}] == loaded(product, "SELECT text FROM winners")


def test_a_schema_types_the_values(product: Product, tmp_path: Path) -> None:
    """With --schema a text of a date-time becomes a timestamp."""
    (tmp_path / "rows.ndjson").write_text('{"id": 1, "seen": "2026-01-02T03:04:05Z"}', encoding="utf-8")
    schema = {"properties": {"id": {"type": "integer"}, "seen": {"type": "string", "format": "date-time"}}}
    (tmp_path / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    push(
        product,
        "typed",
        str(tmp_path / "rows.ndjson"),
        "--key",
        "id",
        "--schema",
        str(tmp_path / "schema.json"),
    )
    (row,) = loaded(product, "SELECT typeof(seen) AS type, seen FROM typed")
    assert (True, "2026-01-02T03:04:05") == (
        row["type"].startswith("TIMESTAMP"),
        row["seen"].removesuffix("Z"),
    )


def test_an_access_token_and_a_url_do_as_well(product: Product, tmp_path: Path) -> None:
    """From another machine, with no data folder, the token in the environment lets the rows in."""
    done = subprocess.run(
        [*TIDEGATE, "push", "remote", "-", "--url", product.base_url, "--data-dir", str(tmp_path / "none")],
        input='{"id": 1}',
        env=os.environ | {"TIDEGATE_ACCESS_TOKEN": product.access_token},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("1 records accepted for remote (1 request, ")


@pytest.mark.parametrize(
    ("arguments", "content", "code", "words"),
    [
        (["--key", "id"], '{"id": 1}\n\n{"x": 1}\n', 4, ", line 3: http"),
        (["--key", "id"], '{"id": 1}\n{"id": nul}\n', 2, ", line 2, column 9: "),
        (["--format", "csv"], "a,b\n1\n", 2, ", line 2: 1 cells, but the first line names 2 columns"),
        (["--format", "xml"], "", 2, "--format is 'xml'; it must be one of json, ndjson, csv"),
        (["--format", "csv", "--key", "id"], "a\n1\n", 2, "has no column 'id', which --key names"),
        (["--url", "http://example.invalid"], "{}", 2, "--url needs --token"),
        (["--token", "at_wrong"], '{"id": 1}', 4, "401: Not Authorized"),
        (["--source", "nobody"], '{"id": 1}', 4, "no source 'nobody'"),
    ],
)
def test_mistakes_are_told_with_their_place(
    product: Product, tmp_path: Path, arguments: list[str], content: str, code: int, words: str
) -> None:
    """What is wrong is named with file and line, and the exit code tells whose turn it is."""
    file = tmp_path / "rows"
    file.write_text(content, encoding="utf-8")
    done = product.run("push", "mistakes", str(file), *arguments, check=False)
    assert (code, True) == (done.returncode, words in done.stderr), done.stderr


def test_without_a_server_the_command_says_what_to_start(tmp_path: Path) -> None:
    """No server, no data folder: the message names the folder and the command to run."""
    (tmp_path / "rows.json").write_text("[]", encoding="utf-8")
    done = Product(tmp_path / "none").run("push", "t", str(tmp_path / "rows.json"), check=False)
    assert (2, True) == (done.returncode, "start with `tidegate serve`" in done.stderr)


def test_local_tokens_are_taken_back(product: Product) -> None:
    """After a push no short-lived token is left that would still let anyone in."""
    from tidegate.control.schema import tokens
    from tidegate.control.store import Store

    push(product, "tokens_left", "-", input='{"id": 1}')
    store = Store.open(product.data_dir / "control.db")
    try:
        with store.reading() as conn:
            alive = conn.execute(tokens.select().where(tokens.c.revoked_at.is_(None))).all()
    finally:
        store.close()
    assert ["import"] == [row.kind for row in alive]


def test_killed_gates_cost_no_rows(product: Product) -> None:
    """While gates are killed again and again a push goes on, and every row arrives once."""
    command = [*TIDEGATE, "push", "survivors", "-", "--format", "ndjson", "--key", "id", "--batch-size", "40"]
    with subprocess.Popen(
        [*command, "--json", "--data-dir", str(product.data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as pushing:
        assert pushing.stdin is not None
        killed = []
        for start in range(0, 2_000, 400):
            pushing.stdin.writelines(b'{"id": %d}\n' % number for number in range(start, start + 400))
            pushing.stdin.flush()
            killed.append(wait_until(lambda: product.kill("gate"), what="a gate to kill"))
        summary, _ = pushing.communicate(timeout=120)
    assert (2_000, 5) == (json.loads(summary)["records"], len(killed))
    (found,) = loaded(product, "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM survivors")
    assert {"n": 2_000, "ids": 2_000} == found


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_a_terminal_sees_progress(product: Product, tmp_path: Path, name: str) -> None:
    """On a terminal a bar shows how far the file is read, up to its end."""
    content = ("id\n" + "\n".join(map(str, range(3_000)))).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as seen:
        command = [*TIDEGATE, "push", "watched", str(tmp_path / name), "--batch-size", "1000"]
        with os.fdopen(theirs, "wb") as terminal:
            pushing = subprocess.Popen(
                [*command, "--data-dir", str(product.data_dir)],
                stdout=subprocess.DEVNULL,
                stderr=terminal,
                env=os.environ | {"TERM": "xterm"},
            )
        drawn = all_drawn(seen)
    assert (0, True, True) == (pushing.wait(60), b"3,000 records" in drawn, b"100%" in drawn), drawn


def all_drawn(seen: IO[bytes]) -> bytes:
    """Return what is drawn on a terminal until nobody has it any more; it holds some kilobytes at a time."""
    drawn = b""
    with suppress(OSError):  # how Linux tells the end
        while more := seen.read(4_096):
            drawn += more
    return drawn


def test_ctrl_c_says_how_much_was_accepted(product: Product) -> None:
    """An interrupted push tells what is safe, and leaves with 1."""
    command = [*TIDEGATE, "push", "interrupted", "-", "--format", "ndjson", "--batch-size", "10"]
    before = product.metric("tidegate_records_total")
    pushing = subprocess.Popen(
        [*command, "--data-dir", str(product.data_dir)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Who runs tests in the background may have them ignore it, and what they start with them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no other thread is here
    )
    assert pushing.stdin is not None
    # The eleventh row sends the first ten; after it the command waits for more input.
    pushing.stdin.write(b'{"id": 1}\n' * 11)
    pushing.stdin.flush()
    wait_until(
        lambda: product.metric("tidegate_records_total") == before + 10,
        within_s=60,
        what="the first request kept",
    )
    # When it reads on it has the answer, which is sent after it was counted.
    pushing.stdin.write(b'{"id": 1}\n')
    pushing.stdin.flush()
    wait_until(lambda: unread(pushing.stdin) == 0, what="the command that reads on")
    pushing.send_signal(signal.SIGINT)
    _, said = pushing.communicate(timeout=60)
    assert (1, True) == (pushing.returncode, b"stopped; 10 records were accepted before" in said), said


def unread(pipe: IO[bytes] | None) -> int:
    """Return how many bytes of a pipe nobody has read yet."""
    assert pipe is not None
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
