"""
The Python client: rows in, requests to a Tidegate server out.

    with Client("http://127.0.0.1:8080", access_token) as client:
        client.batch("cars", [{"id": 1, "name": "Ada"}], key_names=["id"])

May import records, errors and settings. Invariants:

1. Values arrive as they are: integers of any size, Decimals digit by digit, datetimes as RFC 3339. What
   JSON cannot carry (NaN, infinity, lone surrogates) is refused here, before anything of its request is sent.
2. Requests are sent one after the other, in the order of the rows, so that they are loaded in that order.
3. A repeated request is the same bytes as the first attempt, sequences included, with the same
   `Idempotency-Key`: Tidegate keeps it once, also for tables without keys. Another server that speaks the
   Import API may keep it twice, which for tables with keys changes nothing.
4. 5xx answers and broken connections are tried again for a bounded time; 4xx answers never are.
5. Memory holds one request, however many rows are given.
"""

from tidegate.client.api import Client, Pushed
from tidegate.client.encoding import Row
from tidegate.client.files import Format, RowFile, open_rows

__all__ = ["Client", "Format", "Pushed", "Row", "RowFile", "open_rows"]
