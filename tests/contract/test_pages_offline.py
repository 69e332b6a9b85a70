"""The trainer's pages are one file each that loads nothing, runs nothing and leads to the pages beside it at most."""

import re

from click.testing import CliRunner

from tests.simulators.evaluated import evaluated
from trainer.cli import main
from trainer.reports.again import write_again
from trainer.reports.index import write_index

_OWN = ("#", "data:image/")
_BESIDE = {"../index.html", "statistics.html", "r1/report.html"}


def outside(page):
    """Return what a page would load, run or lead to besides itself."""
    found = re.findall(r"""(?:src|href|action|poster|xlink:href)\s*=\s*["']([^"']+)""", page)
    found += [one for pair in re.findall(r"""url\(\s*["']?([^)"']+)|@import\s+([^;]+)""", page) for one in pair if one]
    loaded = [one for one in found if not one.startswith(_OWN) and one not in _BESIDE]
    return loaded + re.findall(r"<(?:script|link|iframe|object|embed)|https?://[^\s<]+|\son\w+\s*=", page)


def test_what_leads_outside_is_seen():
    for bad in (
        '<img src="http://x/a.png">',
        "<script>",
        "a{background:url(b.png)}",
        '<p onclick="x">',
        '<a href="/y">',
    ):
        assert outside(bad)
    assert outside('<a href="#data"><img src="data:image/png;base64,AA">') == []


def test_every_page_of_the_trainer_is_whole(tmp_path):
    evaluated(tmp_path, "r1", skill=1.0, wrong=3, cost={"escape": 100})
    evaluated(tmp_path, "r2", seed=2)
    pages = {"report": write_again(tmp_path, "r1"), "runs": write_index(tmp_path)}
    root = ["--root", str(tmp_path)]
    for name, words in (("compare", ["pipeline", "compare", "r1", "r2"]), ("suspects", ["labels", "suspects"])):
        pages[name] = tmp_path / f"{name}.html"
        done = CliRunner().invoke(main, [*words, *root, "--html", str(pages[name])])
        assert done.exit_code == 0, done.output
    for name, path in pages.items():
        page = path.read_text(encoding="utf-8")
        assert outside(page) == [], name
        assert "prefers-color-scheme: dark" in page
        assert len(page) < 3_000_000
