"""Regions are an option: a deployment has a code, a token may have one, and they must agree."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.product import Product


def test_a_token_of_another_region_is_refused(tmp_path: Path) -> None:
    """A token with another region's code gets 401 `Invalid region.`; one without a code is good anywhere."""
    product = Product(tmp_path / "data", flags=("--workers", "1"), environ={"TIDEGATE_REGION": "us-east-1"})
    product.start()
    try:
        made = json.loads(product.run("tokens", "create", "--region", "eu-central-1", "--json").stdout)
        record = product.record("t", 1, {"id": 1})
        with product.client() as client:
            assert 201 == client.post("/v2/import/push", json=[record]).status_code
            headers = {"Authorization": f"Bearer {made['access_token']}"}
            answer: httpx.Response = client.post("/v2/import/push", json=[record], headers=headers)
        assert (401, "Invalid region.") == (answer.status_code, answer.json()["message"])
    finally:
        product.close()
