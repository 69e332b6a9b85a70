"""What stations have seen of a model: their statistics windows, merged."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from edge_agent.contracts.bundle import BundleFolder
from fleet.monitoring.baselines import Baselines
from fleet.monitoring.evidence import Budget
from fleet.monitoring.seen import Wanted, merged
from fleet.web.auth import Server, Viewer

router = APIRouter(prefix="/api/v1/windows", tags=["windows"])
_Time = Annotated[int, Query(ge=0, le=1 << 62)]


@router.get("")
def seen_windows(
    context: Server,
    person: Viewer,
    model: str,
    version: str = "",
    site: str = "",
    device: str = "",
    since_ms: _Time = 0,
    until_ms: _Time = 1 << 62,
) -> dict[str, Any]:
    """Return the windows of a model that ended in the span of time (ms since 1970), merged, with their baseline."""
    wanted = Wanted(model, version, site, device, since_ms, until_ms)
    baselines = Baselines(BundleFolder(context.home.registry), Budget())
    with context.database.read() as session:
        return merged(session, baselines, wanted).model_dump(mode="json")
