"""`trainer data check` on tables: what a run would set aside, and what is odd, without a run."""

import json

from click.testing import CliRunner

from tests.simulators.sensor_table import RECIPE, write_table
from trainer.cli import main

ROWS = 60


def _check(folder, *options):
    return CliRunner().invoke(main, ["data", "check", str(folder), "--recipe", RECIPE, *options])


def _folder(tmp_path):
    dates = {row: f"2026-01-{row % 28 + 1:02d}" for row in range(ROWS)}
    table = write_table(tmp_path / "a.csv", ROWS, feed_force_n={3: "12,5"}, label={7: "rust"}, made=dates)
    lines = table.read_text().splitlines()
    lines[9] = '"' + lines[9]
    (tmp_path / "a.csv").write_text("\n".join([*lines, "copy," + lines[20].partition(",")[2]]) + "\n")
    (tmp_path / "empty.csv").write_text("")
    return tmp_path


def test_what_a_run_would_set_aside_is_listed_with_its_line(tmp_path):
    done = _check(_folder(tmp_path), "--max-bad", "0.5", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["rows"], found["parts"]) == (ROWS - 1, ROWS - 1)
    assert [one["path"] for one in found["bad"]] == ["a.csv:10", "empty.csv", "a.csv:5"]
    assert found["kinds"] == {"empty": 1, "line of the table": 1, "no number": 1}
    assert found["unknown_labels"] == ["rust"]
    assert found["leaks"]["counts"]["near"] == 1
    assert ["dates" in line for line in found["odd"]] == [True]


def test_above_the_limit_the_exit_code_is_3_and_it_is_shown(tmp_path):
    done = _check(_folder(tmp_path))
    assert done.exit_code == 3
    for words in (
        "59 usable rows",
        "column 'feed_force_n' is '12,5'",
        "label 'rust' is not in the recipe",
        "3 of 62 rows",
    ):
        assert words in done.output, words
