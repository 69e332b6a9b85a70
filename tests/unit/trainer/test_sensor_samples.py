"""Sample readings: the same ones every time, of every kind, in a file that is whole or not there."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.samples.sensors import COLUMNS, GOOD, LABELS, SENSORS, sensor_block, sensor_rows, write_sensors


def test_the_same_numbers_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_sensors(tmp_path / name, 50, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_part_is_the_same_wherever_the_file_begins() -> None:
    assert list(sensor_rows(40, 3, 990)) == list(sensor_rows(1030, 3))[990:]


def test_the_file_has_every_column_and_counts_its_defective_parts(tmp_path: Path) -> None:
    defective = write_sensors(tmp_path / "sensors.csv", 2000, 1)
    with (tmp_path / "sensors.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    labels = Counter(row["label"] for row in rows)
    assert set(labels) == set(LABELS)
    assert defective == 2000 - labels[GOOD]
    assert 0.05 < defective / 2000 < 0.2
    assert {row["shift"] for row in rows} == {"early", "late", "night"}
    assert len({row["part"] for row in rows}) == 2000


def test_the_sensors_tell_good_from_bad() -> None:
    made = sensor_block(1, 0)
    bad = made.label > 0
    for name in ("vibration_mm_s", "tool_wear_um", "coolant_temperature_c"):
        column = made.values[:, SENSORS.index(name)]
        assert column[bad].mean() - column[~bad].mean() > 0.2 * float(np.std(column)), name


@pytest.mark.parametrize(("rows", "first"), [(0, 0), (5, -1)])
def test_no_rows_are_refused(tmp_path: Path, rows: int, first: int) -> None:
    with pytest.raises(ConfigError, match="at least 1 and 0"):
        write_sensors(tmp_path / "sensors.csv", rows, 1, first)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        write_sensors(tmp_path / "none" / "sensors.csv", 5, 1)
