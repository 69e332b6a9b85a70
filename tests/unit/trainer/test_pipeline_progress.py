"""What a run tells where there is no terminal: plain lines, with the time that is left."""

import io
from pathlib import Path

from trainer.pipeline.progress import Lines, Live, Pace
from trainer.pipeline.runs import RunRecord, Runs
from trainer.pipeline.step import Artifact
from trainer.pipeline.steplog import StepLog


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_lines_say_what_is_done_and_how_long_the_rest_takes():
    out, clock = io.StringIO(), Clock()
    lines = Lines(out, clock)
    lines.begin("Trainer")
    for epoch in range(1, 11):
        clock.now += 10
        lines.progress("Trainer", f"epoch {epoch} of 10", epoch / 10)
    lines.progress("Trainer", "at once", 1.0)
    clock.now += 10
    lines.progress("Trainer", "the rest", None)
    lines.end("Trainer", "done", 100.0)
    said = out.getvalue().splitlines()
    assert said[1].endswith("10% epoch 1 of 10")
    assert said[2].endswith("20% epoch 2 of 10, about 1 min 20 s left")
    assert said[10].endswith("100% epoch 10 of 10, about 0 s left")
    assert said[11].endswith("… the rest")
    assert "at once" not in out.getvalue()


def test_a_terminal_shows_brackets_as_they_are(capsys):
    live = Live()
    live.begin("Trainer", "[/data] :ok:")
    live.progress("Trainer", "part [/bold] of [red]", 0.5)
    live.end("Trainer", "failed", 1.0, "pip install 'lineside[pretrained]' [/data/parts] :ok:")
    live.close()
    assert "pip install 'lineside[pretrained]' [/data/parts] :ok:" in " ".join(capsys.readouterr().err.split())


def test_what_a_killed_run_had_done_says_nothing_of_the_pace():
    pace = Pace()
    assert pace.left(0.0, 0.5) is None
    assert pace.left(10.0, 0.75) == 10.0
    assert pace.left(11.0, 0.1) is None
    assert round(pace.left(12.0, 0.2), 6) == 8.0


def test_of_a_blessing_the_first_reason_is_told_and_of_other_outputs_all(tmp_path):
    out = io.StringIO()
    log = StepLog(RunRecord("r1", "tile", 0), Runs(tmp_path), Lines(out), ["Evaluator", "ExampleValidator"])
    for step, kind in (("Evaluator", "ModelBlessing"), ("ExampleValidator", "ExampleAnomalies")):
        entry = log.begin(step)
        log.end(entry, "done", {"made": Artifact(kind, "0", Path(), {"reasons": ["one", "two", "three"]})})
    assert [one.split()[-4:] for one in out.getvalue().splitlines()] == [
        ["one", "(and", "2", "more)"],
        ["s", "one;", "two;", "three"],
    ]
