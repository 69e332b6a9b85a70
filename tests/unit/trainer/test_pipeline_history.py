import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.delivery.history import FILE, Blessed, add, before, load, next_release, not_made_of


def _blessed(number, **changed):
    values = dict.fromkeys(("bundle", "data", "examples", "model_digest", "evaluation", "origin"), "")
    named = {name: f"{name}{number}" for name in values}
    return Blessed(**{**named, "model": "m", "version": f"v{number}", "release": number, "eval": {}, **changed})


ONE, TWO = _blessed(1), _blessed(2)


def test_a_model_is_added_once_and_becomes_the_latest(tmp_path):
    add(tmp_path, ONE)
    add(tmp_path, TWO)
    add(tmp_path, TWO)
    assert load(tmp_path) == (ONE, TWO)
    assert '"version": "v2"' in (tmp_path / "latest-blessed.json").read_text()


def test_a_model_is_compared_with_the_one_before_it_also_when_it_runs_again():
    assert before([], "m", "new") is None
    assert before([ONE, TWO], "m", "new") == TWO
    assert before([ONE, TWO], "m", "model_digest2") == ONE
    assert before([ONE, TWO], "m", "model_digest1") is None
    assert before([ONE], "other", "new") is None


def test_a_repeated_run_finds_what_its_first_time_found():
    assert not_made_of([ONE], "m", "data2") == ONE
    assert not_made_of([ONE, TWO], "m", "data2") == ONE
    assert not_made_of([ONE, TWO], "m", "data3") == TWO
    assert not_made_of([ONE, TWO], "m", "data1") is None


def test_versions_follow_releases_and_are_kept_for_the_same_origin():
    assert next_release([], "m", "o", "") == ("v1", 1)
    assert next_release([ONE, TWO], "m", "o", "") == ("v3", 3)
    assert next_release([ONE, TWO], "m", "origin1", "") == ("v1", 1)
    assert next_release([ONE, TWO], "m", "origin1", "summer") == ("summer", 3)
    assert next_release([ONE, TWO], "other", "origin1", "") == ("v1", 1)


def test_a_number_never_names_a_version_that_a_person_has_named_so():
    named = _blessed(1, version="v2")
    assert next_release([named], "m", "o", "") == ("v3", 3)
    assert next_release([named], "m", "o", "", taken=1) == ("v3", 3)
    assert next_release([named, _blessed(3, version="v4")], "m", "o", "") == ("v5", 5)


def test_a_bundle_that_must_be_made_again_is_a_version_of_its_own():
    again = _blessed(3, origin="origin1")
    assert next_release([ONE, TWO], "m", "origin1", "", holds=lambda bundle: bundle != "bundle1") == ("v3", 3)
    assert next_release([ONE, TWO, again], "m", "origin1", "", holds=lambda bundle: bundle != "bundle1") == ("v3", 3)


def test_a_root_without_history_goes_on_after_the_releases_of_the_fleet():
    assert next_release([], "m", "o", "", taken=4) == ("v5", 5)
    assert next_release([ONE, TWO], "m", "o", "", taken=1) == ("v3", 3)
    assert next_release([ONE, TWO], "m", "origin1", "", taken=4) == ("v1", 1)


def test_a_damaged_history_says_what_to_do(tmp_path):
    (tmp_path / FILE).write_text("[{]")
    with pytest.raises(ConfigError, match="restore it from a backup"):
        load(tmp_path)
