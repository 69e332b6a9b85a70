"""Whether people agree, and what they agree on: kappa, majority, Dawid and Skene. Rules only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bounds import LEVEL
from trainer.labels.opinions import Opinions

Counts = npt.NDArray[np.float64]
_DRAWS, _ROUNDS, _SMOOTH, _ENOUGH = 1000, 200, 0.01, 1e-6


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance: 1 = always, 0 = as by chance; `kind` is cohen or fleiss, `pictures` those with two
    opinions or more; the interval is a 95 % bootstrap over pictures. NaN where it is not defined."""

    kind: str
    value: float
    low: float
    high: float
    pictures: int


@dataclass(frozen=True)
class Verdict:
    """What a picture is taken to be. `sure` is the share (majority) or probability (Dawid-Skene) of the label."""

    image: str
    label: str
    sure: float
    disputed: bool
    said: dict[str, str]


def votes(opinions: Opinions) -> Counts:
    """Return how many labellers said what: (pictures, labels), pictures in alphabetical order."""
    places = {label: place for place, label in enumerate(opinions.labels)}
    counts = np.zeros((len(opinions.said), len(places)))
    for row, image in enumerate(sorted(opinions.said)):
        for label in opinions.said[image].values():
            counts[row, places[label]] += 1
    return counts


def fleiss(counts: Counts) -> float:
    """Return Fleiss' kappa (1971) of counts (pictures, labels) with two opinions or more each, not always as many."""
    n = counts.sum(axis=1)
    if not len(counts) or (n < 2).any():
        return math.nan
    agreed = float(((counts * (counts - 1)).sum(axis=1) / (n * (n - 1))).mean())
    shares = counts.sum(axis=0) / n.sum()
    chance = float((shares**2).sum())
    return math.nan if chance == 1 else (agreed - chance) / (1 - chance)


def cohen(pairs: npt.NDArray[np.int64], labels: int) -> float:
    """Return Cohen's kappa (1960) of pairs (pictures, 2) of label indices."""
    if not len(pairs):
        return math.nan
    agreed = float((pairs[:, 0] == pairs[:, 1]).mean())
    one, two = (np.bincount(pairs[:, k], minlength=labels) / len(pairs) for k in (0, 1))
    chance = float((one * two).sum())
    return math.nan if chance == 1 else (agreed - chance) / (1 - chance)


def kappa(opinions: Opinions, seed: int = 1) -> Kappa:
    """Return Cohen's kappa for two labellers, Fleiss' for more."""
    rng = np.random.default_rng(seed)
    if len(opinions.labellers) == 2:
        pairs = _pairs(opinions)
        value = cohen(pairs, len(opinions.labels))
        drawn = [cohen(pairs[_draw(rng, len(pairs))], len(opinions.labels)) for _ in range(_DRAWS if len(pairs) else 0)]
        return Kappa("cohen", value, *_ends(drawn), len(pairs))
    counts = votes(opinions)
    counts = counts[counts.sum(axis=1) >= 2]
    drawn = [fleiss(counts[_draw(rng, len(counts))]) for _ in range(_DRAWS if len(counts) else 0)]
    return Kappa("fleiss", fleiss(counts), *_ends(drawn), len(counts))


def _draw(rng: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    return rng.integers(0, n, n)


def _ends(drawn: Sequence[float]) -> tuple[float, float]:
    known = [value for value in drawn if not math.isnan(value)]
    if not known:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _pairs(opinions: Opinions) -> npt.NDArray[np.int64]:
    places = {label: place for place, label in enumerate(opinions.labels)}
    both = [opinions.said[image] for image in sorted(opinions.said)]
    found = [[places[one[name]] for name in opinions.labellers] for one in both if len(one) == 2]
    return np.asarray(found, np.int64).reshape(-1, 2)


def consensus(opinions: Opinions) -> list[Verdict]:
    """Return what each picture is: by Dawid and Skene where three people or more labelled, else by majority.

    Pictures on which opinions differ are `disputed`. A tie goes to the label that is more frequent overall.
    """
    counts = votes(opinions)
    shares = dawid_skene(opinions) if len(opinions.labellers) >= 3 else counts / counts.sum(axis=1, keepdims=True)
    frequent = counts.sum(axis=0) * 1e-9
    made = []
    for row, image in enumerate(sorted(opinions.said)):
        place = int(np.argmax(shares[row] + frequent))
        differs = int((counts[row] > 0).sum()) > 1
        verdict = Verdict(image, opinions.labels[place], float(shares[row, place]), differs, dict(opinions.said[image]))
        made.append(verdict)
    return made


def dawid_skene(opinions: Opinions) -> Counts:
    """Return the probability of each label (pictures, labels), by how reliable each labeller proves to be.

    Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm (1979), with a
    hundredth of an opinion as prior for each cell, so that nobody is taken to be infallible.
    """
    places = {label: place for place, label in enumerate(opinions.labels)}
    people = {name: place for place, name in enumerate(opinions.labellers)}
    counts = votes(opinions)
    given = np.zeros((len(people), *counts.shape))
    for row, image in enumerate(sorted(opinions.said)):
        for name, label in opinions.said[image].items():
            given[people[name], row, places[label]] = 1
    belief = counts / counts.sum(axis=1, keepdims=True)
    for _ in range(_ROUNDS):
        prior = belief.mean(axis=0) + 1e-12
        errors = np.einsum("rk,prl->pkl", belief, given) + _SMOOTH
        errors /= errors.sum(axis=2, keepdims=True)
        log = np.log(prior) + np.einsum("prl,pkl->rk", given, np.log(errors))
        new = np.exp(log - log.max(axis=1, keepdims=True))
        new /= new.sum(axis=1, keepdims=True)
        moved, belief = float(np.abs(new - belief).max()), new
        if moved < _ENOUGH:
            break
    return np.asarray(belief, np.float64)


@dataclass(frozen=True)
class Labeller:
    """How often a labeller agrees with the consensus."""

    name: str
    pictures: int
    agreed: float


def labellers(opinions: Opinions, verdicts: Sequence[Verdict]) -> list[Labeller]:
    """Return each labeller's agreement with the consensus."""
    made = []
    for name in opinions.labellers:
        mine = [verdict for verdict in verdicts if name in verdict.said]
        agreed = sum(verdict.said[name] == verdict.label for verdict in mine) / len(mine)
        made.append(Labeller(name, len(mine), agreed))
    return made
