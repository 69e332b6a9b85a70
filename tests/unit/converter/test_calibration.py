from pathlib import Path

import numpy as np

from converter.calibration import (
    MAX_PICTURES,
    MIN_PICTURES,
    Finding,
    leakage,
    lint,
    missing_labels,
    range_mismatch,
    representative,
)
from converter.pictures import Item


def items(labels):
    return [Item(Path(f"{k}.png"), f"{k:064x}", f"part-{k // 2}", label) for k, label in enumerate(labels)]


GOOD = items(["ok", "pit"] * 60)
PICTURES = np.full((120, 8, 8, 1), 100, np.uint8)


def codes(findings):
    return [finding.code for finding in findings]


def test_a_fit_set_has_no_findings():
    assert lint(GOOD, PICTURES, ["ok", "pit"], True) == []


def test_few_pictures_and_a_missing_class_may_be_forced():
    found = lint(GOOD[:40], PICTURES[:40], ["ok", "pit", "dent"], True)
    assert codes(found) == ["TOO_FEW", "MISSING_CLASS"]
    assert all(finding.forcible for finding in found)
    assert "dent" in str(found[1])


def test_a_range_may_not_be_forced():
    found = range_mismatch(np.linspace(0, 1, 50, dtype=np.float32).reshape(1, 5, 10, 1), True)
    assert codes(found) == ["RANGE_MISMATCH"]
    assert not found[0].forcible
    assert "own rescaling" in found[0].text
    assert codes(range_mismatch(np.full((1, 2, 2, 1), -1.0), None)) == ["RANGE_MISMATCH"]
    assert range_mismatch(np.full((70, 2, 2, 1), 200.0), None) == []


def test_leakage_names_a_picture():
    assert leakage(GOOD[:10], GOOD[10:]) is None
    found = leakage(GOOD[:10], GOOD[9:])
    assert isinstance(found, Finding)
    assert found.code == "LEAKAGE"
    assert "9.png" in found.text


def test_unlabelled_pictures_lack_every_class():
    assert codes(missing_labels(items([None] * 5), ["ok", "pit"])) == ["MISSING_CLASS"]


def test_the_subset_keeps_every_label_and_is_spread_evenly():
    labels = ["ok"] * 900 + ["pit"] * 90 + ["dent"] * 2
    chosen = representative(items(labels), most=100)
    assert len(chosen) == 100 == MAX_PICTURES == MIN_PICTURES
    assert chosen == sorted(set(chosen))
    assert {labels[place] for place in chosen} == {"ok", "pit", "dent"}
    assert chosen[-10] > 850
    assert representative(items(labels[:5]), most=100) == [0, 1, 2, 3, 4]


def test_the_subset_keeps_rare_labels_even_if_the_cut_falls_on_them():
    labels = [f"kind{k}" for k in range(8)] * 1 + ["ok"] * 200
    chosen = representative(items(labels), most=20)
    assert len(chosen) == 20
    assert {labels[place] for place in chosen} == set(labels)
