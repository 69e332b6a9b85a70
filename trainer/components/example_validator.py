"""ExampleValidator: data that does not fit the schema, or is not like the data before or in production, stops the run.

Pictures or tables: everything is read from statistics, schema and the text columns of the Examples.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.seen import Seen, decode_seen
from trainer.components.schema_gen import SERVING, TRAINING, load_schema
from trainer.components.seen_gen import FILE as SEEN
from trainer.components.statistics_gen import in_memory, load_statistics, ordered, require_statistics
from trainer.data import leaks
from trainer.data.records import KEPT, KEYS, batches, column_names, merged, no_features, split_names, texts
from trainer.data.wire import PLACE
from trainer.pipeline.step import Context
from trainer.tabular.examples import is_table
from trainer.validation.anomaly_lines import accept_value, distances, from_tfdv
from trainer.validation.columns import changed_columns, kinds_of, types_of
from trainer.validation.feature_skew import feature_skew
from trainer.validation.record_checks import Texts, idle_features, not_in_recipe, thin, torn_parts, unknown_values
from trainer.validation.seen_windows import comparable, counted, invalid_values, statistics_of

FILE = "anomalies.json"
"""`blocking` and `warnings` (lines), `distances` (to former and serving data, as TFDV measured them)."""
_COMPARED = "train"
_MEASURE_ONLY = 1e9
_ABOUT_PICTURES = ("part", "masked")
"""Features of pictures that say which they are: no feature skew."""


def example_validator(
    examples: Path,
    statistics: Path,
    schema: Path,
    previous: Path | None,
    serving: Path | None,
    anomalies: Path,
    label: str,
    good: str,
    labels: Sequence[str],
    often_constant: Sequence[str],
    limits: Mapping[str, Any],
    context: Context,
    seen: Path | None = None,
) -> dict[str, Any]:
    """Check every split; write TFDV's anomalies and `anomalies.json`.

    `previous` are the statistics of the former data, `serving` Examples of production (split `serving`), `seen` what
    stations have counted (`seen_gen`); the training split is compared with each. `limits` are the settings of
    ExampleValidator. The output is not blessed when anything blocks.
    """
    expected = load_schema(schema)
    names = ordered(split_names(statistics))
    domains = _with_values(expected)
    tables = {name: texts(examples, name, sorted({label, *domains})) for name in names}
    found, table = _Found(), is_table(examples)
    served = in_memory(examples=serving, split="serving") if serving else None
    for name in names:
        context.progress(name, None)
        given = require_statistics(statistics, name)
        former = load_statistics(previous, name) if previous and name == _COMPARED else None
        there = served if name == _COMPARED else None
        now = {column: kind for column, kind in kinds_of(given).items() if table or column != "part"}
        compared = _with_limits(expected, now, limits, kinds_of(former), kinds_of(there))
        result = _validated(given, compared, TRAINING, former, there)
        found.tfdv(name, result, given, anomalies)
        found.values(name, tables[name], domains)
        found.warnings += idle_features(name, given.datasets[0], often_constant)
        changed = list(changed_columns(kinds_of(given), kinds_of(former)))
        (found.blocking if limits.get("columns_block") else found.warnings).extend(changed)
    if serving and served:
        found.tfdv("serving", _validated(served, expected, SERVING, None, None), served, anomalies)
        found.blocking += _feature_skew(examples, names, serving, (label,))
    if seen:
        found.seen(examples, expected, decode_seen((seen / SEEN).read_bytes(), str(seen)), limits, anomalies)
    whole = limits.get("whole_parts", True)
    (found.blocking if whole else found.warnings).extend(torn_parts(tables, whole))
    found.blocking += [*not_in_recipe(label, tables, labels, domains.get(label, ()))]
    found.warnings += thin(tables, label, good)
    found.warnings += [f"{name} is empty in every record; fill it or leave the column out" for name in _empty(examples)]
    twice = _json(examples / leaks.FILE)
    doubled = leaks.warnings_of(twice) if twice else []
    (found.blocking if limits["near_duplicates"] == "block" else found.warnings).extend(doubled)
    (anomalies / FILE).write_text(json.dumps(found.content, indent=1), encoding="utf-8")
    return {"anomalies": {"blessed": int(not found.blocking), "reasons": found.blocking or found.warnings}}


class _Found:
    """What was found so far."""

    def __init__(self) -> None:
        self.blocking: list[str] = []
        self.warnings: list[str] = []
        self.distances: list[dict[str, Any]] = []

    @property
    def content(self) -> dict[str, Any]:
        return {"blocking": self.blocking, "warnings": self.warnings, "distances": self.distances}

    def tfdv(self, split: str, result: Any, given: Any, anomalies: Path) -> None:
        """Keep TFDV's anomalies of a split whose statistics are `given`, and its words for them.

        Those about values are told better elsewhere.
        """
        folder = anomalies / f"Split-{split}"
        folder.mkdir()
        (folder / "SchemaDiff.pb").write_bytes(result.SerializeToString(deterministic=True))
        about_values = frozenset(
            name
            for name, info in result.anomaly_info.items()
            if split != "serving"
            and {info.Type.Name(reason.type) for reason in info.reason} == {"ENUM_TYPE_UNEXPECTED_STRING_VALUES"}
        )
        for blocks, line in from_tfdv(split, result, types_of(given), about_values):
            (self.blocking if blocks else self.warnings).append(line)
        self.distances += distances(result)

    def seen(self, examples: Path, schema: Any, seen: Seen, limits: Mapping[str, Any], anomalies: Path) -> None:
        """Compare the training split with what stations have counted, on their bins."""
        numbers = merged(list(batches(examples, _COMPARED))).to_pandas()
        values = {
            feature.name: np.asarray([one[0] if one is not None else np.nan for one in numbers[feature.name]])
            for feature in seen.baseline.features
            if feature.name in numbers
        }
        given = statistics_of(seen.baseline, counted(seen.baseline, values))
        names = [".".join(one.path.step) for one in given.datasets[0].features]
        chosen = comparable(schema, names, limits["skew_numeric"] or _MEASURE_ONLY)
        served = statistics_of(seen.baseline, {name: seen.features[name] for name in names})
        self.tfdv("stations", _validated(given, chosen, TRAINING, None, served), given, anomalies)
        self.warnings += invalid_values(seen)

    def values(self, split: str, table: Texts, domains: Mapping[str, Sequence[str]]) -> None:
        """Add a line for each text that a column's domain lacks, with its count, its places and what to type."""
        for feature, known in domains.items():
            for value, line in unknown_values(split, feature, table, known):
                added = " and add it to the recipe's labels.defects" if feature == "label" else ""
                self.blocking.append(f"{line}; correct the table, or accept it: {accept_value(feature, value)}{added}")


def _with_values(schema: Any) -> dict[str, list[str]]:
    """Return the columns whose values the schema names, with these."""
    domains = {domain.name: list(domain.value) for domain in schema.string_domain}
    found = {}
    for feature in schema.feature:
        kind = feature.WhichOneof("domain_info")
        if kind == "domain" and feature.domain in domains:
            found[feature.name] = domains[feature.domain]
        elif kind == "string_domain":
            found[feature.name] = list(feature.string_domain.value)
    return found


def _validated(given: Any, schema: Any, environment: str, former: Any, served: Any) -> Any:
    from tensorflow_data_validation.api.validation_api import validate_statistics

    whole, before, production = (_whole(one) for one in (given, former, served))
    return validate_statistics(
        whole, schema, environment=environment, previous_statistics=before, serving_statistics=production
    )


def _whole(statistics: Any) -> Any:
    """Return the statistics without those of slices."""
    if statistics is None:
        return None
    ready = type(statistics)()
    ready.datasets.append(statistics.datasets[0])
    return ready


def _with_limits(
    schema: Any, given: Mapping[str, str], limits: Mapping[str, Any], drift: Mapping[str, str], skew: Mapping[str, str]
) -> Any:
    """Return the schema with a comparator for every feature that has none: the settings' limit, or measuring only.

    Compared is what both data have, of one kind; see `kinds_of`.
    """
    ready = type(schema)()
    ready.CopyFrom(schema)
    for feature in ready.feature:
        kind = given.get(feature.name)
        for there, name in ((drift, "drift"), (skew, "skew")):
            comparator = f"{name}_comparator"
            if kind is None or there.get(feature.name) != kind or feature.HasField(comparator):
                continue
            if feature.not_in_environment:
                continue
            numeric = kind == "num_stats"
            limit = limits[f"{name}_numeric" if numeric else f"{name}_categorical"] or _MEASURE_ONLY
            measure = "jensen_shannon_divergence" if numeric else "infinity_norm"
            getattr(getattr(feature, comparator), measure).threshold = limit
    return ready


def _feature_skew(examples: Path, names: Sequence[str], serving: Path, without: Sequence[str]) -> Iterator[str]:
    training = {key: record for name in names for key, record in _by_key(examples, name)}
    served = dict(_by_key(serving, "serving"))
    for skew in feature_skew(training, served, without):
        yield f"serving: {skew.line}"


def _by_key(examples: Path, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each record of a split that names its part: by part and picture, of a table by part and number of the row.

    Which file a row stands in says nothing, for production writes files of its own; a part's rows are numbered in the
    order of files and lines.
    """
    found = list(batches(examples, split, ("image", "mask", KEPT)))
    records = merged(found).to_pylist() if found else []
    rows: Counter[str] = Counter()
    for plain in sorted(({name: _plain(values) for name, values in one.items()} for one in records), key=_stands):
        part, name = (str(plain.get(key) or plain.get(other) or "") for key, other in KEYS.items())
        left_out = {*no_features(plain)}
        if PLACE in plain:
            rows[part] += 1
            name = f"row {rows[part]}"
        else:
            left_out |= {*_ABOUT_PICTURES}
        if part:
            yield f"{part} {name}", {key: value for key, value in plain.items() if key not in left_out}


def _stands(record: Mapping[str, Any]) -> tuple[str, int]:
    """Return the file and the line where a row stands; the same for all pictures, which keep their order."""
    file, _, line = str(record.get(PLACE, "")).rpartition(":")
    return file, int(line or 0)


def _plain(values: Any) -> Any:
    one = values[0] if values else None
    return one.decode("utf-8", "replace") if isinstance(one, bytes) else one


def _empty(examples: Path) -> list[str]:
    """Return the columns that the tables have and no record fills."""
    listed = _json(examples / "empty-columns.json")
    layout = _json(examples / "columns.json")
    if not layout:
        return list(listed or [])
    wanted = [*layout["numbers"], *layout["texts"]]
    filled = {name for split in split_names(examples) for name in column_names(examples, split)}
    return [name for name in wanted if name not in filled]


def _json(path: Path) -> Any:
    """Read what only some kinds of Examples have; None where it is not there."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
