"""`/v4/{client_id}/loads`: what became of each table, in pages of 100."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.connect.caller import Caller, connect_api, new_caller
from tidegate.connect.calls import Limits
from tidegate.control import destinations, loads
from tidegate.control.loads import LoadReport
from tidegate.control.schema import from_ms, job_calls, now, to_ms


def loaded(
    caller: Caller, source: Any, *table_names: str, error: str | None = None, days_ago: int = 0
) -> None:
    """Report a load of tables as the loader does."""
    at = now() - timedelta(days=days_ago)
    with caller.store.writing() as conn:
        loads.add(
            conn,
            [
                LoadReport(
                    source_id=source["id"],
                    destination_id=1,
                    table_name=name,
                    started_at=at,
                    finished_at=at,
                    rows_loaded=1,
                    rows_rejected=0,
                    error=error,
                )
                for name in table_names
            ],
        )


def test_each_table_is_listed_once_with_its_last_load(caller: Caller) -> None:
    """By name, with the schema of its source; one that was loaded long ago is not listed. (A50)"""
    shop, till = caller.source("Shop"), caller.source("Till")
    loaded(caller, shop, "orders", "orders", "cars")
    loaded(caller, till, "cars")
    loaded(caller, till, "old", days_ago=61)
    answer = caller.ok("GET", f"/v4/{caller.client_id}/loads")
    assert (1, 3, {}) == (answer["page"], answer["total"], answer["links"])
    assert [("shop", "cars"), ("till", "cars"), ("shop", "orders")] == [
        (each["source_name"], each["stream_name"]) for each in answer["data"]
    ]
    for each in answer["data"]:
        assert (caller.client_id, None, True) == (
            each["stitch_client_id"],
            each["error_state"],
            each["last_batch_loaded_at"].endswith("Z"),
        )


def test_a_table_that_fails_says_why(caller: Caller) -> None:
    """Its own error, or that of its destination; there is no time until it loads again. (A51)"""
    shop = caller.source("Shop")
    loaded(caller, shop, "cars")
    loaded(caller, shop, "orders", error="the key changed")
    path = f"/v4/{caller.client_id}/loads"
    cars, orders = caller.ok("GET", path)["data"]
    assert cars["error_state"] is None
    assert orders["last_batch_loaded_at"] is None
    assert ("LOADER_WAREHOUSE_ERROR", "the key changed") == tuple(
        orders["error_state"]["notification_data"][name] for name in ("error", "warehouse_message")
    )
    loaded(caller, shop, "orders")
    with caller.store.writing() as conn:
        destinations.note_failing(conn, 1, "no route to host", 0)
    messages = [
        each["error_state"]["exception_chain"][0]["message"] for each in caller.ok("GET", path)["data"]
    ]
    assert ["no route to host"] * 2 == messages
    with caller.store.writing() as conn:
        destinations.note_working(conn, 1)
    assert [None, None] == [each["error_state"] for each in caller.ok("GET", path)["data"]]


def test_a_long_list_comes_in_pages(caller: Caller) -> None:
    """A hundred to a page, with links to the neighbours there are; a page past the end is empty. (A52)"""
    names = [f"t{number:03}" for number in range(201)]
    loaded(caller, caller.source(), *names)
    path = f"/v4/{caller.client_id}/loads"
    pages = [caller.ok("GET", f"{path}?page={number}") for number in (1, 2, 3, 4)]
    assert names == [each["stream_name"] for page in pages for each in page["data"]]
    assert [
        {"next": f"{path}?page=2"},
        {"next": f"{path}?page=3", "previous": f"{path}?page=1"},
        {"previous": f"{path}?page=2"},
        {"previous": f"{path}?page=3"},
    ] == [page["links"] for page in pages]
    assert [201] * 4 == [page["total"] for page in pages]
    assert pages[0] == caller.ok("GET", path)


@pytest.mark.parametrize("page", ["0", "-1", "one", "", "1.0", "9" * 30])
def test_a_page_that_is_none_is_refused(caller: Caller, page: str) -> None:
    """In plain text. (A52)"""
    answer = caller.call("GET", f"/v4/{caller.client_id}/loads?page={page}")
    assert (400, "invalid page") == (answer.status_code, answer.text)


def test_anothers_loads_are_not_to_be_had(caller: Caller) -> None:
    """A client id other than the token's is answered as if there were no token. (A50)"""
    for client_id in (caller.client_id + 1, f"0{caller.client_id}", "x"):
        for kind in ("loads", "extractions"):
            assert 401 == caller.call("GET", f"/v4/{client_id}/{kind}").status_code


def test_nothing_is_ever_extracted(caller: Caller) -> None:
    """The list of extractions is an empty page, and starting one is refused in the documented words. (A53)"""
    empty = {"data": [], "page": 1, "total": 0, "links": {}}
    assert empty == caller.ok("GET", f"/v4/{caller.client_id}/extractions")
    source_id = caller.source()["id"]
    message = f"Unable to locate source({source_id}) for client ({caller.client_id})"
    for method in ("POST", "DELETE"):
        answer = caller.call(method, f"/v4/sources/{source_id}/sync")
        expected = {"error": {"type": "invalid_source", "message": message}}
        assert (400, expected) == (answer.status_code, answer.json())


def test_calls_are_limited_where_the_operator_says_so(tmp_path: Path) -> None:
    """Loads and extractions together, for each account; the refusal says when to come again. (A54)"""
    with connect_api(tmp_path, Limits(jobs_calls_max=3)) as api:
        first, second = (new_caller(api, tmp_path, name) for name in ("First", "Second"))
        path = f"/v4/{first.client_id}"
        assert [200, 200, 200] == [
            first.call("GET", f"{path}/{kind}").status_code for kind in ("loads", "extractions", "loads")
        ]
        for kind in ("loads", "extractions"):
            refused = first.call("GET", f"{path}/{kind}")
            assert (429, {"message": "Too Many Requests"}) == (refused.status_code, refused.json())
            assert 0 < int(refused.headers["Retry-After"]) <= 600
        assert 200 == first.call("GET", "/v4/sources").status_code
        assert 200 == second.call("GET", f"/v4/{second.client_id}/loads").status_code
        window_ago = from_ms(to_ms(now()) - 600_000)
        with first.store.writing() as conn:
            conn.execute(update(job_calls).values(since=window_ago))
        assert 200 == first.call("GET", f"{path}/loads").status_code


def test_calls_are_not_limited_by_default(caller: Caller) -> None:
    """Any number may be made. (A54)"""
    path = f"/v4/{caller.client_id}/loads"
    assert {200} == {caller.call("GET", path).status_code for _ in range(40)}
