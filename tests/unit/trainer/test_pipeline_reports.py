from xml.etree import ElementTree

from trainer.pipeline.runs import RunRecord, Runs, StepRecord, run_id
from trainer.reports.card import card_html
from trainer.reports.charts import Mark, Series, histogram, line_chart, strip
from trainer.reports.curves import reliability, roc_points, threshold_curves
from trainer.reports.data import data_counts
from trainer.reports.forest import ForestRow, forest_plot
from trainer.reports.plots import reliability_chart, roc_chart, threshold_chart
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
    curves = threshold_curves(SCORES, 0.7, 0.9)
    assert (curves.escape[0][1], curves.escape[-1][1]) == (0.0, 1.0)
    assert (curves.overkill[0][1], curves.overkill[-1][1]) == (1.0, 0.0)
    assert dict(curves.overkill)[0.2] == 0.5
    assert curves.review[0] == (0.0, 0.75)
    assert all(bound >= dict(curves.escape)[t] for t, bound in curves.bound)
    chart = threshold_chart(curves, 0.4, 0.7, 0.05)
    assert "accept below 0.400" in "".join(ElementTree.fromstring(chart).itertext())


def test_curves_of_nothing_are_no_charts():
    nothing = threshold_curves([(0.5, False)], 0.7, 0.9)
    assert (nothing.escape, nothing.bound, roc_points([(0.5, False)])) == ((), (), ())
    assert (roc_chart((), []), reliability_chart([]), forest_plot([])) == ("", "", "")
    ElementTree.fromstring(threshold_chart(nothing, 0.0, 1.0, 0.02))


def test_a_roc_curve_rises_from_nothing_to_all():
    points = roc_points(SCORES)
    assert (points[0], points[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert (0.0, 1.0) in points
    ElementTree.fromstring(roc_chart(points, [((0.1, 0.9), "reject & co")]))


def test_reliability_counts_each_answer_once_with_an_exact_interval():
    bins = reliability([(0.05, False), (0.06, True), (1.0, True)])
    assert [(one.count, one.found) for one in bins] == [(2, 0.5), (1, 1.0)]
    assert all(one.found_low <= one.found <= one.found_high for one in bins)
    ElementTree.fromstring(reliability_chart(bins))


def test_the_forest_shows_every_slice_and_leaves_out_what_is_not_defined():
    known, undefined = {"value": 0.5, "low": 0.2, "high": 0.8}, {"value": None, "low": None, "high": None}
    values = {"AUROC": undefined, "escape": known, "overkill": known}
    rows = [ForestRow("all <parts>", 20, 3, True, values), ForestRow("station=B", 2, 1, False, values)]
    words = "".join(ElementTree.fromstring(forest_plot(rows)).itertext())
    assert "all <parts>" in words
    assert "1 / 2 (few)" in words


def test_a_model_card_becomes_html_and_nothing_in_it_does():
    card = card_html("# m v1\n\nIt is `good`, **very**.\n- <b>x</b>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    root = ElementTree.fromstring(f"<div>{card}</div>")
    assert [child.tag for child in root] == ["h3", "p", "ul", "div"]
    assert root.find("ul/li").text == "<b>x</b>"
    assert [cell.text for cell in root.iter("td")] == ["1", "2"]


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


def test_where_there_are_no_links_the_page_is_copied(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    runs = Runs(tmp_path)
    for name in ("r1", "r2"):
        runs.save(RunRecord(name, "p", 0, steps=[StepRecord("S", "done", outputs={"x": "a"})]))
    (runs.path("r1") / "report.html").write_text("first")
    monkeypatch.setattr("os.link", refused)
    assert reuse_report(runs.load("r2"), runs)
    assert (runs.path("r2") / "report.html").read_text() == "first"


def test_runs_are_named_by_their_start_and_never_twice():
    assert run_id(0, set()) == "19700101-000000"
    assert run_id(0, {"19700101-000000"}) == "19700101-000000-2"


def test_a_killed_run_is_closed_at_the_next_start(tmp_path):
    runs = Runs(tmp_path)
    runs.save(RunRecord("r1", "p", 0, steps=[StepRecord("S", "running")]))
    runs.close_killed(5)
    record = runs.load("r1")
    assert (record.state, record.steps[0].status, record.ended_ms) == ("failed", "failed", 5)


def test_a_long_name_of_a_slice_keeps_to_its_column_and_is_whole_in_its_title():
    name = "station=assembly-hall-3-line-2-camera-4-top-view"
    found = {"value": 0.9, "low": 0.8, "high": 0.95}
    row = ForestRow(name, 9, 3, True, dict.fromkeys(("AUROC", "escape", "overkill"), found))
    chart = forest_plot([row])
    ElementTree.fromstring(chart)
    assert f"<title>{name}</title>station=assem…a-4-top-view</text>" in chart
