"""From reviews and uploaded pictures to one label per part."""

import csv
import io

import pytest
from sqlalchemy import select

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.verdict import Verdict
from fleet.people import images
from fleet.people.export import one_per_picture, ticket_labels
from fleet.people.images import MAX_IMAGE_BYTES, Pictures, note
from fleet.people.reviews import LabelledPart, PartKey, Review, Unusable, labelled, split_hint
from fleet.store.monitoring_tables import Image, Ticket
from fleet.store.tables import Event
from tests.simulators.production import Production, baseline

NAMES = ("good", "scratch", "dent")
BOOT = "0d7c2f5e-5a4f-4d0e-9a56-0b8a3c0f1d11"
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
SHA = digest_bytes(PNG)
KEY = PartKey("d1", BOOT, 7)
OTHER_SHAS = ("1" * 64, "2" * 64)


def review(order=1, verdict="reject", label="scratch", key=KEY, **more):
    settings = {"late": False, "conflict": False, "sampled": "review", "image": SHA, "operator": "ann"} | more
    return Review(key=key, order=order, verdict=Verdict(verdict), label=label, **settings)


def label_of(*reviews, machine="", names=NAMES):
    parts, skipped = labelled(reviews, names, {KEY: machine}, {SHA: "png"})
    return parts[0].label if parts else next(iter(skipped))


@pytest.mark.parametrize(
    ("reviews", "machine", "expected"),
    [
        ([review()], "", "scratch"),
        ([review(verdict="accept", label="")], "dent", "good"),
        ([review(label="")], "dent", "dent"),
        ([review(label="")], "good", Unusable.WHICH_DEFECT),
        ([review(label="crack")], "", Unusable.UNKNOWN_LABEL),
        ([review(verdict="accept", label="scratch")], "", Unusable.UNKNOWN_LABEL),
        ([review(late=True)], "", "scratch"),
        ([review(1), review(2, label="dent")], "", "dent"),
        ([review(1), review(2, label="dent", conflict=True)], "", Unusable.DISPUTED),
        ([review(1), review(2, conflict=True)], "", "scratch"),
        ([review(sampled="challenge")], "", Unusable.CHALLENGE),
        ([review(image=None)], "", Unusable.NO_PICTURE),
        ([review(image="0" * 64)], "", Unusable.NO_PICTURE),
    ],
)
def test_one_label_or_one_reason(reviews, machine, expected):
    assert label_of(*reviews, machine=machine) == expected


def test_only_kind_of_defect_needs_no_name():
    assert label_of(review(label=""), names=("good", "scratch")) == "scratch"


def test_one_row_per_part_whatever_the_order_of_arrival():
    other = PartKey("d1", BOOT, 8)
    answers = [review(3), review(1, verdict="accept", label=""), review(2, key=other)]
    parts, _ = labelled(answers, NAMES, {}, {SHA: "png"})
    assert [(part.key.part, part.label) for part in parts] == [(7, "scratch"), (8, "scratch")]
    assert labelled(answers[::-1], NAMES, {}, {SHA: "png"})[0] == parts


def test_split_hint_is_stable_and_about_a_fifth():
    hints = [split_hint(PartKey("d1", BOOT, part)) for part in range(1000)]
    assert hints == [split_hint(PartKey("d1", BOOT, part)) for part in range(1000)]
    assert 150 < hints.count("eval") < 250


def test_picture_is_kept_under_its_hash_and_twice_is_once(tmp_path):
    pictures = Pictures(tmp_path, reserve=0)
    assert pictures.keep(SHA, PNG) == pictures.keep(SHA, PNG) == "png"
    assert pictures.path(SHA, "png").read_bytes() == PNG
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{SHA}.png"]
    jpeg = b"\xff\xd8\xff\xe0rest"
    assert pictures.keep(digest_bytes(jpeg), jpeg) == "jpg"


@pytest.mark.parametrize(
    ("sha", "body", "message"),
    [
        (digest_bytes(b"else"), PNG, "hashes to"),
        (digest_bytes(b"<svg>"), b"<svg>", "neither PNG nor JPEG"),
        (digest_bytes(b""), b"", "neither PNG nor JPEG"),
        (SHA, PNG + bytes(MAX_IMAGE_BYTES), "more than"),
    ],
    ids=["other-bytes", "svg", "empty", "too-large"],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(tmp_path, sha, body, message):
    with pytest.raises(Rejected, match=message):
        Pictures(tmp_path).keep(sha, body)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_says_try_again(tmp_path):
    with pytest.raises(Unavailable, match="no room"):
        Pictures(tmp_path, reserve=1 << 60).keep(SHA, PNG)
    assert images.RESERVE_BYTES > 0


@pytest.fixture
def fleet(tmp_path):
    production = Production.begin(tmp_path, {"d1": "north", "d2": "south"}, baseline())
    yield production
    production.database.close()


def event(device, seq, kind, received=5000, **data):
    return Event(
        device=device,
        boot=BOOT,
        seq=seq,
        kind=kind,
        at_ms=1,
        received_ms=received,
        data={"kind": kind, "part_boot": BOOT, **data},
    )


def reviewed(device, seq, part, received=5000, **data):
    said = {"operator": "ann", "verdict": "reject", "machine": "reject", "label": "scratch", "image": SHA} | data
    return event(device, seq, "reviewed", received, part=part, **said)


def test_labels_of_a_ticket_are_those_of_its_sites_since_it_began(fleet):
    ticket = Ticket(
        id="t-0001",
        state="approved",
        cause="lighting",
        mode="assisted",
        site="north",
        site_group="all",
        model="tiles",
        version="v1",
        bundle=fleet.bundle,
        evidence={"sites": ["north"], "first_ms": 2000},
        created_ms=3000,
        changed_ms=3000,
    )
    with fleet.database.begin() as session:
        note(session, SHA, "d1", "png", len(PNG), 1)
        note(session, SHA, "d2", "png", len(PNG), 2)
        for other in OTHER_SHAS:
            note(session, other, "d1", "png", len(PNG), 1)
        session.add_all(
            [
                ticket,
                event("d1", 1, "decided", part=2, verdict="review", final="reject", reason="operator", label="scratch"),
                reviewed("d1", 2, 1),
                reviewed("d1", 3, 2, label="", image=OTHER_SHAS[0]),
                reviewed("d1", 4, 3, verdict="accept", label="", image=OTHER_SHAS[1]),
                reviewed("d1", 5, 4, received=1000),
                reviewed("d2", 1, 5),
                reviewed("d1", 6, 6, image="f" * 64),
            ]
        )
    with fleet.database.read() as session:
        made = ticket_labels(session, session.get(Ticket, "t-0001"))
        assert len(list(session.scalars(select(Image)))) == 1 + len(OTHER_SHAS)
    rows = list(csv.DictReader(io.StringIO(made.csv())))
    assert list(rows[0]) == ["image", "mask", "part", "exposure", "label", "split_hint"]
    assert [(row["part"], row["label"]) for row in rows] == [
        ("d1-0d7c2f5e-1", "scratch"),
        ("d1-0d7c2f5e-2", "scratch"),
        ("d1-0d7c2f5e-3", "good"),
    ]
    assert [row["image"] for row in rows] == [f"images/{sha}.png" for sha in (SHA, *OTHER_SHAS)]
    assert made.skipped == {Unusable.NO_PICTURE: 1}


def test_the_same_picture_twice_is_one_row_with_the_last_label():
    first, second, other = (
        LabelledPart(PartKey("station", "boot", seq), label, image, "train")
        for seq, image, label in ((1, "a" * 64, "ok"), (2, "a" * 64, "pit"), (3, "b" * 64, "ok"))
    )
    assert [(part.image[0], part.label) for part in one_per_picture([first, second, other])] == [
        ("a", "pit"),
        ("b", "ok"),
    ]


def test_what_only_measures_is_for_the_test_split_and_stays_there():
    parts, _ = labelled([review(training=False)], NAMES, {}, {SHA: "png"})
    assert [part.split_hint for part in parts] == ["test"]
    other = LabelledPart(PartKey("d1", BOOT, 8), "scratch", SHA, "train")
    assert [part.split_hint for part in one_per_picture([*parts, other])] == ["test"]
