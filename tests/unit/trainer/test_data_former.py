from trainer.data.former import former_examples, former_span, statistics_of
from trainer.pipeline.index import Entry, Stored
from trainer.pipeline.key import Parts

PARAMETERS = {"recipe": {"labels": {"good": "ok"}}, "shares": {"eval": 0.2}, "salt": ""}


def _made(data, examples, parameters=PARAMETERS, **properties):
    parts = Parts("f", {"data": data}, {}, parameters, {}, {})
    return Entry("ExampleGen", parts, {"examples": Stored("Examples", examples, properties)}, "r", 1.0, 1)


def test_the_last_examples_of_other_data_keep_their_splits():
    entries = [_made("d1", "e1"), _made("d2", "e2"), _made("d2", "e2b"), _made("d3", "e3")]
    assert former_examples(entries, "d4", PARAMETERS) == "e3"
    assert former_examples(entries, "d2", PARAMETERS) == "e1"
    assert former_examples(entries, "d1", PARAMETERS) == ""


def test_another_salt_or_share_or_product_draws_anew():
    for change in (
        {"salt": "x"},
        {"near_duplicates": "together"},
        {"shares": {"eval": 0.3}},
        {"recipe": {"labels": {"good": "fine"}}},
    ):
        assert former_examples([_made("d1", "e1", {**PARAMETERS, **change})], "d2", PARAMETERS) == ""


def test_a_span_is_compared_with_the_one_before_it():
    entries = [_made("d1", "e1", span=1), _made("d3", "e3", span=3), _made("d2", "e2", span=2), _made("d", "e")]
    assert former_span(entries, "e3", 3, "kept") == "e2"
    assert former_span(entries, "e1", 1, "kept") == ""
    assert former_span(entries, "e", None, "kept") == "kept"
    assert former_span(entries, "kept", None, "kept") == ""


def test_the_statistics_of_examples_are_found():
    parts = Parts("f", {"examples": "e1"}, {}, {}, {}, {})
    entry = Entry("StatisticsGen", parts, {"statistics": Stored("ExampleStatistics", "s1", {})}, "r", 1.0, 1)
    assert statistics_of([entry], "e1") == "s1"
    assert statistics_of([entry], "e2") == statistics_of([entry], "") == ""
