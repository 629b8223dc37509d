"""
The two interfaces of a gate process, put together.

All that a gate needs is imported at the head, so that `processes.gate` has it before the set-up has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tidegate import __version__
from tidegate.connect.app import ConnectApi
from tidegate.connect.calls import Limits
from tidegate.control.grants import Grants
from tidegate.gate.admission import Admission
from tidegate.gate.app import routes
from tidegate.gate.documents import documents
from tidegate.gate.endpoints import ImportApi
from tidegate.gate.operations import operations
from tidegate.wire.batch import BatchChecker
from tidegate.wire.push import check_push

if TYPE_CHECKING:
    from tidegate.control.store import Store
    from tidegate.control.uses import Uses
    from tidegate.gate.commit import GroupCommit
    from tidegate.logs import Log
    from tidegate.settings import Settings


def import_api(
    settings: Settings, store: Store, commit: GroupCommit, uses: Uses, now_ms: Callable[[], int]
) -> ImportApi:
    """Return the Import API, which answers from the control store and appends through `commit`."""
    return ImportApi(
        settings=settings,
        grants=Grants(store),
        commit=commit,
        admission=Admission(bytes_max=settings.inflight_bytes_max, wait_s_max=settings.admission_wait_s_max),
        check_push=check_push,
        check_batch=BatchChecker(learning=threading.Lock()),
        now_ms=now_ms,
        version=__version__,
        note_use=uses.note,
    )


def connect_api(
    settings: Settings,
    store: Store,
    commit: GroupCommit,
    uses: Uses,
    *,
    api: ImportApi,
    gauges: Callable[[], dict[str, tuple[str, float]]],
    log: Log,
) -> ConnectApi:
    """Return the Connect API; what is not its own goes on to health, metrics and documents."""

    def troubles() -> Mapping[str, str]:
        return {} if commit.failing is None else {"journal": str(commit.failing)}

    rest = operations(
        gauges=gauges,
        troubles=troubles,
        documents=documents(routes(api), settings=settings, version=__version__),
    )
    return ConnectApi(
        store,
        rest=rest,
        log=log,
        files=settings.data_dir / "warehouses",
        note_use=uses.note_connect,
        limits=Limits(plain_hooks=settings.hook_schemes == "any", jobs_calls_max=settings.jobs_calls_max),
    )
