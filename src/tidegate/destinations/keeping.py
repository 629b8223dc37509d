"""Rows kept aside while they are read, so that the warehouse they come from is free."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable
from typing import IO, cast

import pyarrow as pa

SPOOL_BYTES = 16_000_000
"""Results up to this size stay in memory; larger ones go through a nameless temporary file."""


def kept_aside(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.RecordBatchReader:
    """Take all rows now and return them as a stream of their own. Errors: OSError when there is no room."""
    spool = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 - see finalize
    try:
        with pa.ipc.new_stream(spool, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        spool.seek(0)
        kept = pa.ipc.open_stream(spool)
    except BaseException:
        spool.close()
        raise
    weakref.finalize(kept, spool.close)
    return kept
