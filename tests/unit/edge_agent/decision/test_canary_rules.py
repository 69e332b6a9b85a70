"""Which parts a challenger decides, and what becomes of a part when it and the champion differ."""

from __future__ import annotations

import random

import pytest

from edge_agent.contracts.recipe import Camera, Crop, Labels, Recipe, Views
from edge_agent.contracts.verdict import Automation, Verdict
from edge_agent.decision.automation import permitted
from edge_agent.decision.canary import answer_until, drawn, joint, unlike

ACCEPT, REJECT, REVIEW = Verdict.ACCEPT, Verdict.REJECT, Verdict.REVIEW
TILE = Recipe(name="tile", labels=Labels(good="good", defects=("scratch",)))


def test_the_share_of_drawn_parts_is_the_share() -> None:
    draws = random.Random(3)
    hits = sum(drawn(0.05, draws.random()) for _ in range(100_000))
    assert 4_700 < hits < 5_300
    assert not any(drawn(0.0, draws.random()) for _ in range(1000))
    assert all(drawn(1.0, draws.random()) for _ in range(1000))


@pytest.mark.parametrize(
    ("challenger", "champion", "both"),
    [
        (ACCEPT, ACCEPT, ACCEPT),
        (ACCEPT, REVIEW, REVIEW),
        (ACCEPT, REJECT, REVIEW),
        (REVIEW, ACCEPT, REVIEW),
        (REVIEW, REVIEW, REVIEW),
        (REVIEW, REJECT, REVIEW),
        (REJECT, ACCEPT, REVIEW),
        (REJECT, REVIEW, REJECT),
        (REJECT, REJECT, REJECT),
    ],
)
def test_the_challengers_word_holds_where_the_champion_does_not_contradict(
    challenger: Verdict, champion: Verdict, both: Verdict
) -> None:
    assert joint(challenger, champion) is both


@pytest.mark.parametrize("degree", Automation)
@pytest.mark.parametrize("challenger", Verdict)
@pytest.mark.parametrize("champion", Verdict)
def test_no_machine_accepts_what_the_champion_alone_would_not(
    champion: Verdict, challenger: Verdict, degree: Automation
) -> None:
    verdict, _ = permitted(joint(challenger, champion), degree)
    if verdict is ACCEPT:
        assert permitted(champion, degree)[0] is ACCEPT
        assert challenger is ACCEPT
    if degree is Automation.PARTIAL and verdict is REJECT:
        assert challenger is REJECT
        assert champion is not ACCEPT


def test_the_challenger_gets_no_more_than_half_of_what_is_left() -> None:
    assert answer_until(1.0, 1.4) == pytest.approx(1.2)
    assert answer_until(2.0, 1.4) == 2.0


def test_a_challenger_for_other_parts_or_another_light_decides_none() -> None:
    assert unlike(TILE, TILE.model_copy(update={"camera": Camera(crop=Crop(left=0.2)), "deadline_ms": 90})) == ""
    for what, changes in {
        "product": {"name": "cap"},
        "labels": {"labels": Labels(good="good", defects=("dent",))},
        "number of views": {"views": Views(count=2)},
        "camera settings": {"camera": Camera(exposure_us=800)},
    }.items():
        assert what in unlike(TILE, TILE.model_copy(update=changes))
