"""How the steps work: the section `pipeline` of a recipe's file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from edge_agent.contracts.strict import Strict
from trainer.beam.settings import BeamSettings
from trainer.evaluation.settings import EvaluatorSettings
from trainer.tuning.settings import TunerSettings

Share = Annotated[float, Field(ge=0, le=1)]


class ExampleGenSettings(Strict):
    """Reading the data.

    `max_bad` is the share of bad pictures or rows that is tolerated (`strict`: none), `salt` that of the split's hash.
    `spans`, where `--data` is a pattern: `latest`, `all`, `rolling:N`, a number, or a range such as `2-5`.
    `near_duplicates`: parts whose pictures look the same are split by their own names, or go `together` as one part.
    `split`: `stratified`, whole parts and every label in every split; `by-part`, whole parts by the hash of their name
    alone; `by-hash`, pictures or rows by the hash of their content, whatever part they are of.
    """

    split: Literal["stratified", "by-part", "by-hash"] = "stratified"
    near_duplicates: Literal["by-name", "together"] = "by-name"
    max_bad: Share = 0.001
    salt: str = ""
    strict: bool = False
    spans: Annotated[str, BeforeValidator(str)] = "latest"

    @property
    def tolerated(self) -> float:
        """Share of bad pictures or rows above which a run stops."""
        return 0.0 if self.strict else self.max_bad


class TableSettings(Strict):
    """What the columns of a table are. Every column that is not named here is an input of the model.

    `label`; `part`: rows of one part stay together ("" = every row is a part); `time`, `ignore`: not looked at;
    `split`: where a person wants a row; `slices`: the evaluation is divided by these, the model does not see them.
    `kinds` says of a column that it is a `number` or a `text`, where its cells do not.
    """

    label: str = "label"
    part: str = ""
    time: str = ""
    split: str = ""
    slices: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    kinds: dict[str, Literal["number", "text"]] = {}
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


class TransformSettings(Strict):
    """Tables without an own `preprocessing_fn`: `buckets` of as many rows by column; most different texts a column."""

    buckets: dict[str, Annotated[int, Field(ge=2, le=256)]] = {}
    vocabulary_max: Annotated[int, Field(ge=1, le=100_000)] = 1000


class StatisticsGenSettings(Strict):
    """`slices` names columns, comma-separated: statistics of each of their values, too.

    Beam computes from `memory_records` on.
    """

    slices: str = "label,exposure,station,lot"
    memory_records: Annotated[int, Field(ge=0)] = 500_000


class SchemaGenSettings(Strict):
    """`schema_file` is the path of a reviewed schema (text form); empty = infer one."""

    schema_file: str = ""


class ExampleValidatorSettings(Strict):
    """What stops a run beside the schema: distances to the former data (`drift_…`) and to production (`skew_…`).

    Of categorical features L-infinity, of numeric ones the Jensen-Shannon divergence; 0 = as the schema's comparators
    say, else only measured. `serving` is production: a folder of pictures with a `labels.csv` (labels not needed), of
    tables files of rows, or for both what stations have counted, a `.json` file that `fleet windows` wrote.
    `near_duplicates` of different parts: `warn` or `block`.
    """

    drift_categorical: Share = 0.0
    drift_numeric: Share = 0.0
    skew_categorical: Share = 0.0
    skew_numeric: Share = 0.0
    serving: str = ""
    near_duplicates: Literal["warn", "block"] = "warn"

    @property
    def counted(self) -> bool:
        """Whether production is what stations have counted."""
        return self.serving.endswith(".json")


class TrainerSettings(Strict):
    """`warm_start` begins with the latest model blessed before this data came; `tensorboard`: folder for logs.

    `halve_batch` begins again with half the batch, once, when the memory runs out on one device. `strategy`: one
    device, all of this machine (`mirrored`), or the workers that TF_CONFIG names; `local_workers` = start so many
    workers here. Of tables: `steps` of training (0 = `network.epochs`), `patience` in epochs until it stops (0 =
    never), `class_weights`: rare labels count more.
    """

    warm_start: bool = False
    halve_batch: bool = True
    steps: Annotated[int, Field(ge=0)] = 0
    patience: Annotated[int, Field(ge=0)] = 0
    class_weights: bool = True
    tensorboard: str = ""
    strategy: Literal["none", "mirrored", "multi-worker"] = "none"
    local_workers: Annotated[int, Field(ge=0, le=64)] = 0


class ConverterSettings(Strict):
    """`variants` to make, comma-separated; empty = all that the converter knows. `force` accepts few pictures."""

    variants: str = ""
    force: bool = False


class InfraValidatorSettings(Strict):
    """Share of answers that may change sides on the device, slowest median, threads.

    `p95_ms` and `memory_mb` are judged where they are not 0. `runtimes`: other runtimes that must agree, by name, with
    the Python of an environment that holds each, such as `{tflite-runtime: /opt/agent-tflite/bin/python}`.
    """

    flipped_max: Share = 0.05
    p50_ms: Annotated[float, Field(gt=0)] = 200.0
    p95_ms: Annotated[float, Field(ge=0)] = 0.0
    memory_mb: Annotated[float, Field(ge=0)] = 0.0
    runtimes: dict[str, str] = {}
    threads: Annotated[int, Field(ge=1)] = 2


class PusherSettings(Strict):
    """Where a blessed model goes: `fleet_home` = publish to that fleet, `to` = destinations below the folder `place`.

    `folder` is the bundle with an alias `latest`, `tf-serving` what TensorFlow Serving watches, `tfjs` a model for
    browsers, `saved-model` what `hub.load` takes. `place` is ROOT/served unless given.
    """

    fleet_home: str = ""
    to: tuple[Literal["fleet", "folder", "tf-serving", "tfjs", "saved-model"], ...] = ()
    place: str = ""

    @model_validator(mode="after")
    def _home_of_the_fleet(self) -> PusherSettings:
        if "fleet" in self.to and not self.fleet_home:
            raise ValueError("'to' names the fleet; say which with fleet_home")
        return self


class BulkInferrerSettings(Strict):
    """`data`: the blessed model predicts these pictures or this table ("" = no such step), into a file of `format`.

    `max_bad` is the share of them that may be unreadable.
    """

    data: str = ""
    format: Literal["csv", "parquet", "tfrecord"] = "csv"
    max_bad: Share = 0.01


class MlflowSettings(Strict):
    """Where runs are logged besides the root: `tracking_uri` such as http://host:5000 or sqlite:////data/mlflow.db;
    `experiment` is the product's name unless given.
    """

    tracking_uri: str
    experiment: str = ""


class Settings(Strict):
    """How the steps work, one group a step: the section `pipeline` of a recipe's file.

    `module` is a Python file of the user's own with any of the functions `preprocessing_fn`, `build_model` and
    `metrics`; a relative path is meant from the recipe's folder.
    """

    module: str = ""

    table: TableSettings = TableSettings()
    example_gen: ExampleGenSettings = ExampleGenSettings()
    statistics_gen: StatisticsGenSettings = StatisticsGenSettings()
    schema_gen: SchemaGenSettings = SchemaGenSettings()
    example_validator: ExampleValidatorSettings = ExampleValidatorSettings()
    transform: TransformSettings = TransformSettings()
    tuner: TunerSettings = TunerSettings()
    trainer: TrainerSettings = TrainerSettings()
    evaluator: EvaluatorSettings = EvaluatorSettings()
    converter: ConverterSettings = ConverterSettings()
    infra_validator: InfraValidatorSettings = InfraValidatorSettings()
    pusher: PusherSettings = PusherSettings()
    bulk_inferrer: BulkInferrerSettings = BulkInferrerSettings()
    beam: BeamSettings = BeamSettings()
    metadata_url: str = ""
    mlflow: MlflowSettings | None = None

    @property
    def blocking(self) -> dict[str, Any]:
        """What stops a run at the ExampleValidator; parts that a split by hash tears apart are wanted so."""
        found = self.example_validator.model_dump(exclude={"serving"})
        return {**found, "whole_parts": self.example_gen.split != "by-hash"}

    @property
    def sliced_by(self) -> list[str]:
        """Columns by whose values statistics are sliced."""
        return [name.strip() for name in self.statistics_gen.slices.split(",") if name.strip()]
