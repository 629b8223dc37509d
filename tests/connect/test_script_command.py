"""`tidegate script`: what it writes runs as it is, in each language."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.product import Product
from tests.services import need

SHIM = """
const { execFileSync } = require("child_process");
const SpreadsheetApp = { getActiveSheet: () => ({ getDataRange: () => ({ getValues: () =>
  [["id", "name"], [1, "first"], [2, "second"]] }) }) };
const Logger = { log: console.log };
const Utilities = { sleep: (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms) };
const UrlFetchApp = { fetch: (url, options) => {
  const program = `fetch(${JSON.stringify(url)}, { method: "POST", body: ${JSON.stringify(options.payload)},
    headers: ${JSON.stringify({ ...options.headers, "Content-Type": options.contentType })} })
    .then(async (answer) => console.log(JSON.stringify([answer.status, await answer.text()])))`;
  const [status, text] = JSON.parse(execFileSync(process.execPath, ["-e", program]));
  return { getResponseCode: () => status, getContentText: () => text };
} };
"""
"""What of Google's services an Apps Script uses, on node."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A running server."""
    running = Product(
        tmp_path_factory.mktemp("script") / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1"},
    )
    running.start()
    yield running
    running.close()


@pytest.mark.parametrize("lang", ["python", "curl", "javascript", "apps-script"])
def test_a_script_runs_as_it_is(
    product: Product, lang: str, tmp_path: Path, exercised: Callable[[str], None]
) -> None:
    """Two rows are in the table afterwards, whatever the table's name holds."""
    if "script" in lang:
        need("node")
    exercised(f"scripts: {lang}")
    table_name = f"it's $HOME `x` {lang}"
    written = product.run(
        "script", "--lang", lang, "--table", table_name, "--access-token", product.access_token
    ).stdout
    path = tmp_path / "script"
    path.write_text(SHIM + written + "\npush();\n" if lang == "apps-script" else written)
    program = {"python": sys.executable, "curl": "sh"}.get(lang, "node")
    done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False, timeout=100)
    assert (0, "") == (done.returncode, done.stderr)
    product.wait_until_loaded()
    reports = json.loads(product.run("loads", "--limit", "50", "--json").stdout)
    loaded = [each for each in reports if each["table_name"] == table_name]
    assert {("import_api", None)} == {(each["source"], each["error"]) for each in loaded}
    assert 2 == sum(each["rows_loaded"] for each in loaded)


def test_a_script_has_a_token_of_its_own(product: Product) -> None:
    """Without one given a new token is made; a third is refused like everywhere."""
    before = len(json.loads(product.run("tokens", "list", "--json").stdout))
    written = json.loads(product.run("script", "--url", "http://localhost:1/", "--json").stdout)["script"]
    listed = json.loads(product.run("tokens", "list", "--json").stdout)
    assert before + 1 == len(listed)
    assert (True, True) == (f'{listed[0]["last_four"]}"' in written, 'URL = "http://localhost:1"' in written)
    refused = product.run("script", check=False)
    assert (4, True) == (refused.returncode, "maximum of 2 active" in refused.stderr)
