"""Which columns a model for tables leans on: what its AUROC per part loses when a column's cells change places.

Breiman, Random Forests (2001), section 10; columns that say the same stand in for one another and share their worth.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.row import RowContract
from edge_agent.contracts.scores import probabilities
from trainer.evaluation.rates import auroc
from trainer.evaluation.verdict import Candidate
from trainer.tabular.contract import FILE, inputs_of
from trainer.tabular.values import Typed

_REPEATS = 3


def importances(
    model: Path, table: Typed, judged: Candidate, progress: Callable[[float], None], seed: int = 1
) -> dict[str, float]:
    """Return the mean loss of AUROC per part by column on the test rows, the greatest first.

    `progress` is told the share of the columns that is done. Empty without parts of both kinds.
    """
    from trainer.tabular.export import Served

    served, test = Served(model), judged.test
    contract = RowContract.model_validate_json((model / FILE).read_bytes())
    rows = inputs_of(table, contract)
    if not 0 < int((test.labels > 0).sum()) < len(test):
        return {}

    def value(changed: npt.NDArray[np.float32]) -> float:
        shares = probabilities(served(changed)["logits"], judged.temperature)
        joined = test.with_probabilities(shares).by_part(judged.combine)
        return auroc(joined.scores, joined.defective)

    whole, rng = value(rows), np.random.default_rng(seed)
    lost = {}
    for place, column in enumerate(contract.columns):
        progress(place / len(contract.columns))
        found = []
        for _ in range(_REPEATS):
            changed = rows.copy()
            changed[:, place] = rng.permutation(changed[:, place])
            found.append(whole - value(changed))
        lost[column.name] = round(float(np.mean(found)), 6)
    return dict(sorted(lost.items(), key=lambda pair: (-pair[1], pair[0])))
