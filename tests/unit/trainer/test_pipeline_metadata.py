import json

import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.metadata_types import artifact_properties, custom_properties, execution_type
from trainer.pipeline.metadata_url import PASSWORD, MySql, parse_url, without_password
from trainer.request import Request


def test_a_url_says_where_and_who():
    found = parse_url("mysql://ann:p%40ss@db.local:3307/lineage", {})
    assert found == MySql("db.local", 3307, "ann", "p@ss", "lineage", "")
    assert parse_url("mysql://ann@/lineage?socket=/run/db.sock", {PASSWORD: "w"}) == MySql(
        "127.0.0.1", 3306, "ann", "w", "lineage", "/run/db.sock"
    )


@pytest.mark.parametrize("url", ["postgres://a:secret@h/d", "mysql://a:secret@h", "mysql://a:secret@h:x/d"])
def test_another_url_is_refused_without_its_password(url):
    with pytest.raises(ConfigError, match="metadata_url") as caught:
        parse_url(url, {})
    assert "secret" not in str(caught.value)


def test_a_password_is_left_out_of_what_is_kept_and_shown(tmp_path):
    text = "metadata_url=mysql://ann:se/cr-et@h/d"
    assert without_password("metadata_url=mysql://ann:secret@h/d") == "metadata_url=mysql://ann@h/d"
    assert without_password("metadata_url=mysql://ann:p@ss@h/d") == "metadata_url=mysql://ann@h/d"
    assert without_password("mysql://ann@h/d and epochs=3") == "mysql://ann@h/d and epochs=3"
    kept = Request("r", (), tmp_path, (text.replace("/cr", "cr"), "epochs=3")).arguments()
    assert kept["assignments"] == ["metadata_url=mysql://ann@h/d", "epochs=3"]


def test_steps_are_executions_of_tfx_or_of_our_own():
    assert execution_type("StatisticsGen") == ("tfx.components.statistics_gen.component.StatisticsGen", "PROCESS")
    assert execution_type("Converter") == ("lineside.Converter", "")


def test_typed_properties_are_those_of_the_type(tmp_path):
    for split in ("train", "eval"):
        (tmp_path / f"Split-{split}").mkdir()
    found = artifact_properties("Examples", tmp_path, {"span": 3})
    assert found == {"span": 3, "version": 0, "split_names": json.dumps(["eval", "train"])}
    assert "version" not in artifact_properties("ExampleStatistics", tmp_path, {})
    assert artifact_properties("Model", tmp_path, {"version": 4}) == {}


def test_a_blessing_names_the_models_it_is_about():
    found = custom_properties("ModelBlessing", {"blessed": 0}, {"model": ("/m", 4), "baseline": ("/b", 2)})
    assert (found["blessed"], found["current_model"], found["current_model_id"]) == (0, "/m", 4)
    assert (found["baseline_model"], found["baseline_model_id"]) == ("/b", 2)
    assert custom_properties("PushedModel", {"version": "v2", "model": "m"}, {})["pushed_version"] == "v2"
    assert custom_properties("InfraBlessing", {}, {})["has_model"] == 0
