import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.data.folders import choose_folders
from trainer.data.spans import Place, check_pattern, choose, place_of

PLACES = [
    Place("s1", 1),
    Place("s2v1", 2, 1),
    Place("s2v10", 2, 10),
    Place("s2v9", 2, 9),
    Place("s5", 5),
    Place("s7", 7),
]


@pytest.mark.parametrize(
    ("wish", "paths"),
    [
        ("latest", ["s7"]),
        ("all", ["s1", "s2v10", "s5", "s7"]),
        ("rolling:2", ["s5", "s7"]),
        ("rolling:9", ["s1", "s2v10", "s5", "s7"]),
        ("2", ["s2v10"]),
        ("2-5", ["s2v10", "s5"]),
    ],
)
def test_the_latest_version_of_each_span_that_is_asked_for(wish, paths):
    assert [place.path for place in choose(PLACES, wish)] == paths


@given(st.permutations(PLACES))
def test_the_order_in_which_folders_are_found_does_not_matter(places):
    assert choose(places, "all") == choose(PLACES, "all")


def test_a_span_that_is_not_there_is_answered_by_those_that_are():
    with pytest.raises(Rejected, match=r"no span 3-4 there; found 1, 2, 5, 7"):
        choose(PLACES, "3-4")
    with pytest.raises(ConfigError, match="spans 'newest' is unknown; give latest, all"):
        choose(PLACES, "newest")


def test_one_span_in_two_places_is_refused():
    with pytest.raises(Rejected, match="span 3 lies in two places, span-03 and span-3"):
        choose([Place("span-03", 3), Place("span-3", 3)], "latest")


@pytest.mark.parametrize(
    ("pattern", "path", "span", "version"),
    [
        ("d/span-{SPAN}", "d/span-12", 12, None),
        ("d/span-{SPAN:3}/v{VERSION}", "d/span-012/v4", 12, 4),
        ("d/{SPAN}.{VERSION:2}.csv", "d/7.03.csv", 7, 3),
        ("{YYYY}-{MM}-{DD}/{VERSION}", "1970-01-11/2", 10, 2),
        ("{YYYY}{MM}{DD}", "20240229", 19782, None),
    ],
)
def test_numbers_are_read_from_the_path(pattern, path, span, version):
    check_pattern(pattern)
    found = place_of(pattern, path)
    assert (found.span, found.version) == (span, version)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("span-{SPAN:3}", "span-12"),
        ("span-{SPAN}", "span-x"),
        ("span-{SPAN}", "span-3.bak"),
        ("a.{SPAN}", "ab3"),
        ("{YYYY}{MM}{DD}", "20230229"),
    ],
)
def test_what_does_not_match_is_no_span(pattern, path):
    assert place_of(pattern, path) is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{SPAN}/{SPAN}", "twice"),
        ("{SPAN}/{YYYY}{MM}{DD}", "either"),
        ("{YYYY}/{DD}", "{MM} is missing"),
        ("v{VERSION}", "add {SPAN} or a day"),
        ("{SPAN:x}", "has no width"),
        ("{SPAN:0}", "has no width"),
        ("{SPLIT}", "unknown {SPLIT}"),
    ],
)
def test_a_wrong_pattern_says_what_is_wrong(pattern, words):
    with pytest.raises(ConfigError) as found:
        check_pattern(pattern)
    assert words in str(found.value)


def _deliveries(tmp_path, *names):
    for name in names:
        (tmp_path / "plant" / name).mkdir(parents=True)
    return tmp_path / "plant"


def test_patterns_become_folders_and_plain_folders_stay(tmp_path):
    plant = _deliveries(tmp_path, "span-1/v1", "span-2/v1", "span-2/v2", "span-3", "notes")
    chosen = choose_folders([tmp_path / "more", plant / "span-{SPAN}" / "v{VERSION}"], "all")
    assert chosen.folders == (tmp_path / "more", plant / "span-1" / "v1", plant / "span-2" / "v2")
    assert chosen.spans == [{"folder": 1, "span": 1, "version": 1}, {"folder": 2, "span": 2, "version": 2}]


def test_nothing_that_matches_says_what_is_there(tmp_path):
    plant = _deliveries(tmp_path, "run-1", "run-2")
    with pytest.raises(Rejected, match=r"span-\{SPAN\}: nothing matches; .*plant holds run-1, run-2"):
        choose_folders([plant / "span-{SPAN}"], "latest")
    with pytest.raises(Rejected, match=r"there is no folder .*nowhere"):
        choose_folders([tmp_path / "nowhere" / "{SPAN}"], "latest")
    with pytest.raises(Rejected, match=r"run-\{SPAN\}: no span 4 there; found 1, 2"):
        choose_folders([plant / "run-{SPAN}"], "4")
