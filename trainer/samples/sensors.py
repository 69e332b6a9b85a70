"""Labelled sample readings: what the sensors of turning machines saw of each part, as one CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import ConfigError, Unavailable

GOOD = "ok"
KINDS = ("chatter", "burr", "burn")
LABELS = (GOOD, *KINDS)
"""All labels of the sample readings; the good one first."""
SENSORS = (
    "spindle_current_a",
    "vibration_mm_s",
    "feed_force_n",
    "acoustic_emission_mv",
    "tool_wear_um",
    "coolant_temperature_c",
    "coolant_pressure_bar",
    "cycle_time_s",
)
MATERIALS = ("steel", "aluminium", "brass")
MACHINES = ("T1", "T2", "T3", "T4")
SHIFTS = ("early", "late", "night")
COLUMNS = ("part", "station", "shift", "timestamp", *SENSORS, "material", "machine", "label")

_BLOCK = 1000
_BEGIN = datetime(2026, 1, 5, 6, tzinfo=timezone.utc)
_TAKT_S, _SHIFT_H = 43, 8
_LIFE_OF_A_TOOL = 400
_DIGITS = (3, 3, 1, 2, 1, 2, 3, 2)
# Per material: current, force and emission beyond those of steel.
_LOAD = np.asarray([[0.0, 0.0, 0.0], [-2.4, -140.0, -9.0], [-1.5, -90.0, -4.0]])
# Above what level of its cause each kind of defect becomes more likely than not.
_LIMITS = np.asarray([2.3, 2.5, 2.6])
_SHARPNESS = 30.0


@dataclass(frozen=True)
class Readings:
    """`values` (n, 8) in the order of SENSORS; `material`, `machine` and `label` (n,) are places in their lists."""

    values: npt.NDArray[np.float64]
    material: npt.NDArray[np.int64]
    machine: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]


def sensor_block(seed: int, block: int) -> Readings:
    """Make the parts `block` x 1000 and following of the series `seed`; the same ones for the same two numbers.

    Three things go wrong: chatter (seen in vibration and its sound), a worn tool under force (burr), and hot coolant
    without pressure (burn). About one part in nine is defective.
    """
    rng = np.random.default_rng([seed, block])
    index = np.arange(block * _BLOCK, (block + 1) * _BLOCK)
    material = rng.choice(len(MATERIALS), _BLOCK, p=(0.55, 0.3, 0.15))
    machine = rng.integers(0, len(MACHINES), _BLOCK)
    chatter, stress, heat = rng.standard_normal((3, _BLOCK))
    age = ((index + 97 * machine) % _LIFE_OF_A_TOOL) / _LIFE_OF_A_TOOL
    worn = 1.6 * (age - 0.5) + 0.9 * stress
    noise = 0.5 * rng.standard_normal((len(SENSORS), _BLOCK))
    load = _LOAD[material].T
    values = (
        11.0 + load[0] + 0.7 * worn + 0.3 * noise[0],
        np.exp(0.55 + 0.28 * chatter + 0.06 * (machine == 2) + 0.05 * noise[1]),
        420.0 + load[1] + 32.0 * worn + 9.0 * noise[2],
        34.0 + load[2] + 3.5 * chatter + 1.2 * noise[3],
        25.0 + 120.0 * age + 6.0 * stress + 2.0 * noise[4],
        24.0 + 2.2 * heat + 0.4 * noise[5],
        6.0 - 0.45 * heat + 0.12 * noise[6],
        38.0 + 0.5 * worn - 2.0 * (material == 1) + 0.6 * noise[7],
    )
    causes = np.stack([1.25 * chatter + 0.2 * worn, 1.45 * worn, 1.35 * heat])
    return Readings(np.stack(values, axis=1), material, machine, _labels(rng, causes))


def _labels(rng: np.random.Generator, causes: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Draw each part's label from its causes, shape (kinds, n): the kind most above its limit, by chance near it."""
    above = causes - _LIMITS[:, None]
    worst = above.argmax(axis=0)
    chance = 1 / (1 + np.exp(-_SHARPNESS * above.max(axis=0)))
    return np.where(rng.random(len(worst)) < chance, worst + 1, 0)


def sensor_rows(rows: int, seed: int, first: int = 0) -> Iterator[dict[str, str]]:
    """Yield the rows of the parts `first` and following of the series `seed`, text by column as in the file."""
    for block in range(first // _BLOCK, -(-(first + rows) // _BLOCK)):
        made = sensor_block(seed, block)
        for place in range(_BLOCK):
            index = block * _BLOCK + place
            if first <= index < first + rows:
                yield _row(made, place, seed, index)


def _row(made: Readings, place: int, seed: int, index: int) -> dict[str, str]:
    time = _BEGIN + timedelta(seconds=_TAKT_S * index)
    machine = int(made.machine[place])
    numbers = zip(SENSORS, made.values[place], _DIGITS, strict=True)
    return {
        "part": f"S{seed}-{index:06d}",
        "station": f"line-{1 + machine // 2}",
        "shift": SHIFTS[(time.hour - _BEGIN.hour) % 24 // _SHIFT_H],
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **{name: f"{value:.{digits}f}" for name, value, digits in numbers},
        "material": MATERIALS[made.material[place]],
        "machine": MACHINES[machine],
        "label": LABELS[made.label[place]],
    }


def write_sensors(path: Path, rows: int, seed: int, first: int = 0) -> int:
    """Write the sample readings of `rows` parts as CSV with a header; return how many are defective.

    The parts are numbers `first` and following of the series `seed`, so two files of one series need not share any.
    The same arguments give the same bytes. Raises ConfigError for less than one row, Unavailable when the file cannot
    be written.
    """
    if rows < 1 or first < 0:
        raise ConfigError(f"{rows} rows from number {first}: at least 1 and 0 are needed")
    defective = 0
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            for row in sensor_rows(rows, seed, first):
                defective += row["label"] != GOOD
                writer.writerow(row)
        unfinished.replace(path)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be written ({error.strerror}); free space or name another") from error
    return defective
