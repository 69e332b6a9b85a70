"""What became of each variant, for the table, the JSON and the bundle's evaluation document."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from converter.bench import EdgeRun
from converter.evaluate import Worth
from edge_agent.contracts.errors import Rejected

Status = Literal["passed", "rejected", "failed"]


@dataclass(frozen=True)
class VariantReport:
    """One variant: `rejected` = a gate refused it, `failed` = it could not be made or run; `reason` says why."""

    id: str
    format: Literal["tflite", "tfjs", "onnx"]
    status: Status
    reason: str = ""
    path: Path | None = None
    ops: dict[str, int] = field(default_factory=dict)
    min_runtime: str = ""
    worth: Worth | None = None
    run: EdgeRun | None = None

    @property
    def size(self) -> int:
        """Bytes of the file; 0 where there is none."""
        return self.path.stat().st_size if self.path and self.path.is_file() else 0

    def row(self) -> dict[str, Any]:
        """Return the fields of the command's JSON."""
        worth, run = self.worth, self.run
        return {
            "id": self.id,
            "status": self.status,
            "reason": self.reason,
            "bytes": self.size,
            "max_diff": worth.parity.max_diff if worth else None,
            "agreement": worth.parity.agreement if worth else None,
            "accuracy": worth.accuracy.value if worth else None,
            "recall": worth.recall.value if worth else None,
            "p50_ms": run.p50_ms if run else None,
            "p95_ms": run.p95_ms if run else None,
            "delegated_partitions": run.delegated_partitions if run else None,
        }


class NothingPassed(Rejected):
    """No variant passed, so there is no bundle; `variants` says why for each."""

    def __init__(self, variants: list[VariantReport]) -> None:
        reasons = "; ".join(f"{v.id}: {v.reason}" for v in variants)
        super().__init__(f"no TFLite variant passed, so there is no bundle ({reasons})")
        self.variants = variants
