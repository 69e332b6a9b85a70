"""A table in memory as the Arrow record batch of lists that TFDV reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from tfx_bsl.arrow import table_util


def record_batch(columns: Mapping[str, Any]) -> Any:
    """Return columns of one value a row, None where it is missing, as a record batch."""
    arrays = [pa.array(values, from_pandas=False) for values in columns.values()]
    return table_util.CanonicalizeRecordBatch(pa.RecordBatch.from_arrays(arrays, list(columns)))
