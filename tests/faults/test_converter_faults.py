"""Faults of models, calibration sets, conversions and bundles, met by the real converter and the real runtime."""

import io
import shutil
import stat
import zipfile
from pathlib import Path

import flatbuffers
import h5py
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from converter.calibration import leakage, lint
from converter.choose import Candidate, choose
from converter.convert import Options, convert
from converter.evaluate import Truth, assess
from converter.gates import Limits, failed_gates
from converter.pictures import Item, input_shape, list_items
from converter.targets import TARGETS
from converter.variants import Place, Question, judge, make
from converter.verify import verify
from converter.workshop import Answer, Job, Workshop
from edge_agent.contracts.archive import pack_archive, unpack_archive, write_blob
from edge_agent.contracts.bundle import Blob, BundleFolder
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Recipe
from tests.fixtures.make_bundles import HERE, RECIPE, write_parts

MODEL = HERE / "models/tiny.keras"
LABELS = ("ok", "scratch", "pit")
OK = Answer("", "", {})


@pytest.fixture(scope="module")
def recipe():
    return Recipe.model_validate(RECIPE)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A conversion's folder with held-out pictures."""
    found = Place(tmp_path_factory.mktemp("work"))
    np.save(found.test, np.random.default_rng(1).integers(0, 256, (6, 48, 48, 1)).astype(np.uint8))
    np.save(found.calibration, np.load(found.test))
    return found


@pytest.fixture(scope="module")
def workshop(place):
    """The conversion process, TensorFlow imported once for all."""
    with Workshop(place.folder / "log") as found:
        yield found


@pytest.fixture
def bundle(tmp_path):
    """A copy of the tiny bundle that a test may damage."""
    return BundleFolder(Path(shutil.copytree(HERE / "bundles/tiny-v1", tmp_path / "bundle")))


def load_job(place, model, labels=LABELS, name="load"):
    fields = {"model": str(model), "export": str(place.export), "inputs": str(place.test)}
    fields |= {"outputs": str(place.source), "shape": [48, 48, 1], "labels": list(labels)}
    return Job(name, "load", fields)


def items(labels):
    return [Item(Path(f"{k}.png"), f"{k:064x}", f"part-{k}", label) for k, label in enumerate(labels)]


def refused(findings, place):
    """Ask for both integer variants with these findings; nothing may be made."""
    answers = make(Workshop(place.folder), place, ("int8", "int16x8"), (), findings, lambda name: None)
    assert not place.model("int8").exists()
    assert not place.model("int16x8").exists()
    return answers


@pytest.mark.slow
@pytest.mark.fault("C01")
def test_an_abort_of_the_converter_is_one_variant_s_fate(place, workshop):
    assert workshop.run([load_job(place, MODEL)])["load"].ok
    fields = {"export": str(place.export), "calibration": str(place.calibration)}
    aborting = Job("bad", "tflite", {**fields, "route": "keras", "model": str(MODEL), "variant": "float32"})
    good = Job("good", "tflite", {**fields, "variant": "float32", "output": str(place.model("good"))})
    answers = workshop.run([Job(aborting.id, aborting.kind, {**aborting.fields, "output": "/dev/null"}), good])
    assert answers["bad"].code == "CONVERTER_ABORT"
    assert "SIGABRT" in answers["bad"].reason
    assert answers["good"].ok
    assert place.model("good").read_bytes()[4:8] == b"TFL3"
    assert judge(place, "int8", answers["bad"], None).reason.startswith("CONVERTER_ABORT")


@pytest.mark.fault("C02")
def test_an_empty_calibration_set_makes_no_integer_variant(place):
    found = lint([], np.zeros((0, 48, 48, 1), np.uint8), LABELS, True)
    answers = refused(found, place)
    assert {answer.code for answer in answers.values()} == {"EMPTY_CALIBRATION"}


@pytest.mark.slow
@pytest.mark.fault("C02")
def test_the_other_variants_of_an_empty_calibration_set_go_on(tmp_path, recipe):
    write_parts(tmp_path / "test", 2, 12)
    (tmp_path / "calibration").mkdir()
    options = Options(variants=("float32", "int8"), repeat=5)
    done = convert(MODEL, recipe, tmp_path / "calibration", tmp_path / "test", tmp_path / "out", options)
    status = {report.id: (report.status, report.reason.split(":")[0]) for report in done.variants}
    assert status == {"float32": ("passed", ""), "int8": ("failed", "EMPTY_CALIBRATION")}
    assert not done.complete
    assert [variant.id for variant in BundleFolder(done.bundle).open().variants] == ["float32"]


@pytest.mark.slow
@pytest.mark.fault("C02")
def test_the_child_itself_refuses_to_quantise_from_nothing(place, workshop, tmp_path):
    np.save(tmp_path / "none.npy", np.zeros((0, 48, 48, 1), np.uint8))
    workshop.run([load_job(place, MODEL)])
    fields = {"variant": "int8", "export": str(place.export), "calibration": str(tmp_path / "none.npy")}
    answer = workshop.run([Job("i", "tflite", {**fields, "output": str(tmp_path / "x")})])["i"]
    assert "EMPTY_CALIBRATION" in answer.reason
    assert not (tmp_path / "x").exists()


@pytest.mark.fault("C03")
def test_calibration_pictures_with_nan_are_named(place):
    pictures = np.full((120, 8, 8, 1), 100, np.float32)
    pictures[7, 2, 2, 0] = np.nan
    pictures[9] = np.inf
    found = lint(items(["ok", "scratch", "pit"] * 40), pictures, LABELS, True)
    answer = refused(found, place)["int8"]
    assert answer.code == "NOT_FINITE"
    assert "2 calibration pictures" in answer.reason
    assert "7.png" in answer.reason


@pytest.mark.fault("C04")
def test_calibration_values_of_another_range_are_refused(place):
    found = lint(items(["ok", "scratch", "pit"] * 40), np.full((120, 8, 8, 1), 0.9, np.float32), LABELS, True)
    assert refused(found, place)["int8"].code == "RANGE_MISMATCH"


@pytest.mark.fault("C05")
def test_few_pictures_or_a_missing_class_are_refused_unless_forced(place):
    found = lint(items(["ok", "pit"] * 30), np.full((60, 8, 8, 1), 100, np.uint8), LABELS, True)
    answer = refused(found, place)["int8"]
    assert answer.code == "TOO_FEW"
    assert "scratch" in answer.reason
    assert all(finding.forcible for finding in found)


@pytest.mark.fault("C06")
def test_pictures_in_both_sets_stop_everything(tmp_path, recipe):
    write_parts(tmp_path / "a", 3, 4)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert leakage(list_items(tmp_path / "a"), list_items(tmp_path / "b")) is not None
    with pytest.raises(Rejected, match="LEAKAGE: 8 test pictures"):
        convert(MODEL, recipe, tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
@pytest.mark.fault("C07")
def test_a_nan_weight_is_named_before_any_conversion(place, workshop, tmp_path):
    broken = with_nan_weight(MODEL, tmp_path / "nan.keras")
    answer = workshop.run([load_job(place, broken, name="nan")])["nan"]
    assert not answer.ok
    assert "NAN_WEIGHT: tensor" in answer.reason
    assert "kernel" in answer.reason


def with_nan_weight(source, target):
    with zipfile.ZipFile(source) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    weights = io.BytesIO(contents["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        kernels: list[h5py.Dataset] = []
        file.visititems(lambda _, thing: kernels.append(thing) if getattr(thing, "ndim", 0) == 4 else None)
        values = kernels[0][...]
        values[0, 0, 0, 0] = np.nan
        kernels[0][...] = values
    contents["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(target, "w") as new:
        for name, data in contents.items():
            new.writestr(name, data)
    return target


def question(recipe):
    truth = Truth(np.zeros(6, np.int64), tuple("abcdef"))
    return Question(truth, np.zeros((6, 3), np.float32), recipe, Limits(), TARGETS["tflite-runtime-2.14"], 1, 2)


def graph_of(bundle, variant):
    manifest = bundle.open()
    return bundle.read(next(v for v in manifest.variants if v.id == variant).blob)


def with_operator(data, name, change):
    """Return the graph's bytes with one operator's code changed."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    wanted = getattr(schema.BuiltinOperator, name)
    change(next(code for code in model.operatorCodes if code.builtinCode == wanted))
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.fault("C08")
def test_a_float_graph_under_an_integer_s_name_is_found(place, bundle, recipe):
    place.model("int8").write_bytes(graph_of(bundle, "float32"))
    report = judge(place, "int8", OK, question(recipe))
    place.model("int8").unlink()
    assert report.status == "failed"
    assert report.reason.startswith("NOT_INTEGER: ")
    assert "CONV_2D at 'functional" in report.reason


@pytest.mark.fault("C09")
def test_a_flex_operator_is_named_with_its_layer(place, bundle, recipe):
    def flex(code):
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = b"FlexErf"

    place.model("float32").write_bytes(with_operator(graph_of(bundle, "float32"), "LOGISTIC", flex))
    report = judge(place, "float32", OK, question(recipe))
    assert report.status == "rejected"
    assert "UNSUPPORTED_OP FlexErf at layer '" in report.reason


@pytest.mark.fault("C10")
def test_an_operator_newer_than_the_target_is_refused(place, bundle, recipe):
    def newer(code):
        code.version = 12

    place.model("float32").write_bytes(with_operator(graph_of(bundle, "float32"), "FULLY_CONNECTED", newer))
    report = judge(place, "float32", OK, question(recipe))
    assert report.status == "rejected"
    assert report.reason == "OP_TOO_NEW FULLY_CONNECTED (12>10) for tflite-runtime-2.14"


@pytest.mark.slow
@pytest.mark.fault("C11")
def test_another_number_of_labels_than_outputs_is_refused(place, workshop, recipe):
    answer = workshop.run([load_job(place, MODEL, ("ok", "pit"), "two")])["two"]
    assert "LABELS: the model scores [3] classes, the recipe has 2 labels (ok, pit)" in answer.reason
    assert input_shape(recipe) == (48, 48, 1)


@pytest.mark.fault("C12")
def test_lost_defects_reject_a_variant_and_the_next_is_picked(recipe):
    labels = np.array([0, 1] * 100)
    truth = Truth(labels, tuple(str(k) for k in range(200)))
    source = (np.eye(3)[labels] * 6).astype(np.float32)
    lossy = source.copy()
    lossy[[1, 3, 5]] = source[0]
    reasons = failed_gates("int8", assess(lossy, source, truth, recipe), Limits())
    assert reasons == ["RECALL_DROP 3.0%>2.0%"]
    fine = failed_gates("float32", assess(source, source, truth, recipe), Limits())
    fastest = [Candidate("int8", not reasons, 1.0, 100, 1), Candidate("float32", not fine, 2.0, 400, 1)]
    assert choose(fastest).id == "float32"


@pytest.mark.fault("C13")
def test_a_slow_integer_variant_is_not_chosen_by_habit():
    choice = choose([Candidate("int8", True, 26.0, 100, 0), Candidate("float32", True, 2.0, 400, 1)])
    assert choice.id == "float32"
    assert "int8 takes 13.0x (0 delegated partitions)" in choice.why


@pytest.mark.fault("C14")
def test_a_truncated_graph_is_never_opened(bundle):
    blob = bundle.open().variants[0].blob
    path = bundle.path(blob)
    path.write_bytes(path.read_bytes()[: blob.size // 2])
    problems, differences = verify(bundle, None)
    assert [problem for problem in problems if blob.digest[:12] in problem]
    assert {difference.variant for difference in differences} == {"int8"}
    with pytest.raises(Rejected, match="expected"):
        bundle.read(blob)


@pytest.mark.fault("C15")
def test_one_flipped_bit_is_found_in_any_blob(bundle):
    for blob in list(bundle.open().blobs()):
        path = bundle.path(blob)
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert [problem for problem in bundle.problems() if blob.digest[:12] in problem]
        path.write_bytes(content)
    assert bundle.problems() == []


@pytest.mark.fault("C16")
def test_one_changed_byte_of_the_manifest_is_refused_before_it_is_parsed(bundle):
    signed, path = bundle.id, bundle.folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"release":1', b'"release":}'))
    with pytest.raises(Rejected, match=f"expected {signed[:12]}"):
        verify(bundle, signed)


def archive_with(tmp_path, bundle, entries):
    """Pack the bundle and add entries (ZipInfo, bytes)."""
    target = tmp_path / "bad.lineside"
    pack_archive(bundle, target)
    with zipfile.ZipFile(target, "a") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return target


def symlink(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.fault("C17")
@pytest.mark.parametrize(
    "info",
    [
        zipfile.ZipInfo("../../etc/x"),
        zipfile.ZipInfo("/etc/x"),
        zipfile.ZipInfo("blobs/sha256/../../../x"),
        zipfile.ZipInfo("blobs/sha256/" + "A" * 64),
        symlink("blobs/sha256/" + "a" * 64),
        zipfile.ZipInfo("blobs/sha256/" + "b" * 64),
    ],
    ids=["parent", "absolute", "inner-parent", "upper-case", "symlink", "undeclared"],
)
def test_entries_that_do_not_belong_are_refused_and_nothing_is_written(tmp_path, bundle, info):
    archive = archive_with(tmp_path, bundle, [(info, b"/etc/passwd")])
    before = set(tmp_path.rglob("*"))
    with pytest.raises(Rejected):
        unpack_archive(archive, tmp_path / "in")
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "in"}
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.fault("C17")
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_duplicate_name_is_refused(tmp_path, bundle):
    archive = archive_with(tmp_path, bundle, [(zipfile.ZipInfo("manifest.json"), b"{}")])
    with pytest.raises(Rejected, match="does not belong"):
        unpack_archive(archive, tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.fault("C18")
def test_an_endless_stream_ends_at_the_declared_size(tmp_path):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(Rejected, match="not the declared 1000000 bytes"):
        write_blob(stream, Blob(digest=digest_bytes(b""), size=1_000_000), tmp_path)
    assert stream.given == 1_000_001
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.fault("C20")
def test_a_wrong_golden_answer_is_reported_per_picture(bundle):
    manifest = bundle.open()
    case = manifest.golden.cases[0]
    wrong = {name: tuple(reversed(values)) for name, values in case.expected.items()}
    cases = (case.model_copy(update={"expected": wrong}), *manifest.golden.cases[1:])
    golden = manifest.golden.model_copy(update={"cases": cases})
    text = manifest.model_copy(update={"golden": golden}).model_dump_json()
    (bundle.folder / "manifest.json").write_text(text)
    problems, differences = verify(bundle, None)
    assert len(problems) == 2
    assert all(f"golden picture {case.name} differs by" in problem for problem in problems)
    assert sum(difference.ok for difference in differences) == len(differences) - 2
