from xml.etree import ElementTree

from trainer.pipeline.runs import RunRecord, Runs, StepRecord, run_id
from trainer.reports.charts import Mark, Series, histogram, line_chart, strip, threshold_points
from trainer.reports.data import data_counts
from trainer.reports.reuse import reuse_report

SCORES = [(0.1, False), (0.3, False), (0.6, True), (0.9, True)]


def test_a_chart_is_valid_svg_with_its_marks_and_legend():
    chart = line_chart([Series("loss & more", ((1, 2.0), (2, 1.0)), "red")], "epoch", [Mark(2, "best")])
    root = ElementTree.fromstring(f"<div>{chart}</div>")
    assert "best" in "".join(root.itertext())
    assert "loss &amp; more" in chart


def test_nothing_to_draw_is_no_chart():
    assert line_chart([Series("a", (), "red")], "x") == ""
    assert histogram([("train", [], "red")]) == ""


def test_strip_and_histogram_are_valid_svg():
    ElementTree.fromstring(strip(SCORES, 0.4, 0.5))
    ElementTree.fromstring(histogram([("train", [(0, 1, 3), (1, 2, 0)], "red")]))


def test_thresholds_trade_escapes_for_overkill():
    escape, overkill = threshold_points(SCORES)
    assert (escape[0][1], escape[-1][1]) == (0.0, 1.0)
    assert (overkill[0][1], overkill[-1][1]) == (1.0, 0.0)
    assert dict(overkill)[0.2] == 0.5


def test_parts_and_pictures_are_counted_by_label_and_split():
    parts = {"a": {"split": "train", "label": "ok"}, "b": {"split": "test", "label": "pit"}}
    pictures = [{"part": "a", "label": "ok"}, {"part": "a", "label": "ok"}, {"part": "b", "label": "pit"}]
    counts = data_counts(parts, pictures)
    assert counts["rows"]["ok"]["train"] == (1, 2)
    assert counts["total"] == {"train": (1, 2), "eval": (0, 0), "test": (1, 1)}


def test_a_cached_run_shows_the_page_of_the_run_with_the_same_outputs(tmp_path):
    runs = Runs(tmp_path)
    for name, digest in (("r1", "a"), ("r2", "b"), ("r3", "a")):
        runs.save(RunRecord(name, "p", 0, steps=[StepRecord("S", "done", outputs={"x": digest})]))
    (runs.path("r1") / "report.html").write_text("first")
    (runs.path("r2") / "report.html").write_text("second")
    assert reuse_report(runs.load("r3"), runs)
    assert (runs.path("r3") / "report.html").read_text() == "first"


def test_runs_are_named_by_their_start_and_never_twice():
    assert run_id(0, set()) == "19700101-000000"
    assert run_id(0, {"19700101-000000"}) == "19700101-000000-2"


def test_a_killed_run_is_closed_at_the_next_start(tmp_path):
    runs = Runs(tmp_path)
    runs.save(RunRecord("r1", "p", 0, steps=[StepRecord("S", "running")]))
    runs.close_killed(5)
    record = runs.load("r1")
    assert (record.state, record.steps[0].status, record.ended_ms) == ("failed", "failed", 5)
