"""A server for modules that ask it many things and change nothing of it; others start their own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.product import Product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product with one gate process."""
    running = Product(tmp_path_factory.mktemp("product") / "data", flags=("--workers", "1"))
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def client(product: Product) -> Iterator[httpx.Client]:
    """One connection to it."""
    with product.client() as opened:
        yield opened
