"""Requests to real exports, compared with what these were trained on."""

import base64
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import files, monitor
from keras_ptft.errors import UserError
from keras_ptft.main import main

FEATURES = [f"feature {n}" for n in range(1, 9)]
QUANTITIES = {
    *("pixel mean", "pixel contrast", "saturated pixels"),
    *("confidence", "entropy", "label"),
    *(*FEATURES, "feature distance"),
}


def verdicts(found):
    return {shift.name: shift.verdict for shift in found.shifts}


def write_lines(path, bodies):
    lines = [b if isinstance(b, str) else json.dumps(b) for b in bodies]
    path.write_text("\n".join([*lines, ""]), "utf-8")
    return path


def saved(path, images):
    np.save(path, images)
    return path


def test_statistics_hold_no_example(watched_export):
    extra = watched_export / "assets.extra"
    facts = files.read_json(extra / "export.json")["statistics"]
    assert facts["examples"] == {"train": 599, "test": 599}
    ((_, index),) = facts["most_different"].items()
    assert 0 < index < 0.2
    found = files.read_json(extra / "statistics.json")
    assert set(found["quantities"]) == QUANTITIES
    split = {n: part["split"] for n, part in found["quantities"].items()}
    assert (split["pixel mean"], split["confidence"]) == ("train", "test")
    for name, part in found["quantities"].items():
        assert sum(part["counts"]) == 599, name
        assert len(part["counts"]) <= 21
        assert set(part) <= {
            *("split", "edges", "names", "counts", "mean", "other_split")
        }


def test_images_like_those_of_training_are_stable(
    watched_export, last_third, tmp_path
):
    found = monitor(watched_export, [saved(tmp_path / "a.npy", last_third)])
    assert found.account.examples == 599
    assert set(verdicts(found)) == QUANTITIES
    assert set(verdicts(found).values()) == {"stable"}
    *_, others, last = found.lines
    assert others.startswith("stable, at most 0.")
    assert last == "Stable: nothing moved of 15 quantities in 599 examples."
    assert found.unmet == []


def inverted(images):
    return 255 - images


def noisy(images):
    noise = np.random.default_rng(0).integers(0, 256, images.shape)
    return np.where(noise % 3 == 0, noise, images).astype(np.uint8)


MOVES = {
    "inverted": (inverted, {"pixel mean", "feature distance"}),
    "noisy": (noisy, {"pixel contrast", "confidence", "feature distance"}),
}


@pytest.mark.parametrize("change", sorted(MOVES))
def test_changed_images_move_what_changed(
    watched_export, last_third, tmp_path, change
):
    function, expected = MOVES[change]
    log = saved(tmp_path / "a.npy", function(last_third))
    found = monitor(watched_export, [log])
    moved = {n for n, v in verdicts(found).items() if v == "moved a lot"}
    assert expected <= moved
    first = found.shifts[0]
    assert found.lines[0].startswith(
        f"{first.name} moved a lot: {first.index:.2f} ("
    )
    sizes = [shift.index for shift in found.shifts]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.slow
def test_one_class_alone_moves_the_label(watched_export, thirds, tmp_path):
    images, labels = thirds[2]
    log = saved(tmp_path / "a.npy", images[labels == 3])
    found = monitor(watched_export, [log])
    shift = next(s for s in found.shifts if s.name == "label")
    assert shift.verdict == "moved a lot"
    assert str(shift).startswith(f"label moved a lot: {shift.index:.2f} (3: ")


@pytest.mark.slow
def test_few_examples_decide_nothing(watched_export, last_third, tmp_path):
    log = saved(tmp_path / "a.npy", last_third[:12])
    found = monitor(watched_export, [log])
    assert set(verdicts(found).values()) == {"stable", "undecided"}
    assert "12 examples are too few, about" in found.lines[0]
    assert found.lines[-1].startswith("Undecided: ")
    # what may be chance breaks no requirement
    assert monitor(watched_export, [log], require=("psi<=0.1",)).unmet == []


def requests_of(images):
    """Requests in every form there is, three to a request."""
    encoded = [
        {"b64": base64.b64encode(tf.io.encode_png(image).numpy()).decode()}
        for image in images[:60]
    ]
    for n in range(0, 60, 3):
        rows = [{"bytes": each} for each in encoded[n : n + 3]]
        yield {"signature_name": "encoded_images", "instances": rows}
    for n in range(60, len(images), 3):
        rows = images[n : n + 3].tolist()
        yield {"instances": rows} if n % 2 else {"inputs": {"image": rows}}


@pytest.mark.slow
def test_lines_of_rest_are_the_images_themselves(
    watched_export, last_third, tmp_path
):
    log = write_lines(tmp_path / "requests.log", requests_of(last_third))
    found = monitor(watched_export, [log])
    assert found.account.sentences() == []
    whole = monitor(watched_export, [saved(tmp_path / "a.npy", last_third)])
    counts = {s.name: s.actual.counts.tolist() for s in whole.shifts}
    for shift in found.shifts:
        assert shift.actual.counts.tolist() == counts[shift.name], shift.name
        assert shift.actual.mean == pytest.approx(
            next(s for s in whole.shifts if s.name == shift.name).actual.mean
        )


@pytest.mark.slow
def test_what_is_left_out_is_counted(watched_export, last_third, tmp_path):
    png = {"b64": base64.b64encode(b"no image").decode()}
    bodies = [
        *requests_of(last_third[:90]),
        "broken",
        {"instances": [[1, 2, 3]]},
        {"signature_name": "encoded_images", "instances": [png]},
        {"signature_name": "classify", "instances": [1]},
        {"signature_name": "classify", "instances": [2]},
    ]
    log = write_lines(tmp_path / "requests.jsonl", bodies)
    found = monitor(watched_export, [log], json=str(tmp_path / "m.json"))
    assert found.lines[:2] == [
        f"Left out: 3 malformed, the first is {log}, line 31: it is no JSON.",
        "Left out: 2 to the signature 'classify', which the export does not "
        "have or monitor does not measure.",
    ]
    written = files.read_json(tmp_path / "m.json")
    assert written["examples"] == 90
    assert written["left_out"] == {
        "malformed": 3,
        "other_signatures": {"classify": 2},
    }
    assert {part["name"] for part in written["quantities"]} == QUANTITIES


@pytest.mark.slow
def test_a_log_of_the_server(watched_export, last_third, tmp_path):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    log = tmp_path / "requests"
    with tf.io.TFRecordWriter(str(log)) as writer:
        for n in range(0, len(last_third), 7):
            record = apis.PredictionLog()
            request = record.predict_log.request
            request.model_spec.name = "digits"
            request.inputs["image"].CopyFrom(
                tf.make_tensor_proto(last_third[n : n + 7])
            )
            writer.write(record.SerializeToString())
    found = monitor(watched_export.parent, [log])
    assert found.account.examples == 599
    assert set(verdicts(found).values()) == {"stable"}


@pytest.mark.slow
def test_the_command_prints_writes_and_ends_with_1(
    watched_export, last_third, tmp_path, capsys
):
    log = saved(tmp_path / "a.npy", inverted(last_third))
    words = ["monitor", str(watched_export), str(log)]
    page = tmp_path / "m.html"
    written = [f"--json={tmp_path / 'm.json'}", f"--html={page}"]
    assert main([*words, *written]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "moved a lot: " in lines[0] and lines[-1].startswith("Moved: ")
    assert files.read_json(tmp_path / "m.json")["verdict"] == "moved a lot"
    text = page.read_text("utf-8")
    assert text.count("<svg") == len(QUANTITIES)
    assert "http" not in text and lines[-1] in text
    assert main([*words, "--require=pixel mean<=0.25"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("keras-ptft: expected pixel mean <= 0.25, found ")
    assert main([*words, "--require=pixel mean<=100"]) == 0


@pytest.mark.slow
def test_texts(watched_text_export, tmp_path, text_examples):
    texts = [text.decode() for text in text_examples[1]] * 20
    same = tmp_path / "same.txt"
    same.write_text("\n".join([*texts, ""]), "utf-8")
    found = monitor(watched_text_export, [same])
    assert set(verdicts(found)) == {
        *("tokens", "unknown tokens", "empty text"),
        *("confidence", "entropy", "label"),
    }
    assert found.shifts[0].index == pytest.approx(0, abs=1e-9)
    # its vocabulary knows every word of the training split
    splits = {shift.name: shift.split for shift in found.shifts}
    assert (splits["tokens"], splits["unknown tokens"]) == ("train", "test")
    # the export refuses the last one, and answers the others
    other = [*["", "zzz qqq", "ψψψ"] * 50, "x" * 1001]
    bodies = [{"instances": [{"text": text}]} for text in other]
    log = write_lines(tmp_path / "a.jsonl", bodies)
    found = monitor(watched_text_export, [log])
    assert found.account.examples == 150
    assert "1 malformed, " in found.lines[0]
    assert "at most 1000 bytes, got 1001" in found.lines[0]
    for name in ("tokens", "unknown tokens", "empty text"):
        assert verdicts(found)[name] == "moved a lot"


def refused(*words, **settings):
    with pytest.raises(UserError) as caught:
        monitor(*words, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_logs_that_cannot_be_used_are_one_line(watched_export, tmp_path):
    export = watched_export
    assert refused(export, [tmp_path / "no"]).startswith("No such log")
    other = tmp_path / "a.log"
    other.write_text("GET /v1/models\n")
    assert "expected a TFRecord of PredictionLog" in refused(export, [other])
    bodies = [{"signature_name": "classify", "instances": [1]}]
    log = write_lines(tmp_path / "b.log", bodies)
    assert "none that can be measured: 1 to the sig" in refused(export, [log])
    bodies = [{"instances": [[1]]}, {"instances": [[2]]}]
    log = write_lines(tmp_path / "c.log", bodies)
    told = refused(export, [log])
    assert f"2 malformed, the first is {log}, line 1: expected shape" in told


@pytest.mark.slow
def test_exports_that_cannot_be_used_are_one_line(
    watched_export, exported, last_third, tmp_path
):
    log = saved(tmp_path / "a.npy", last_third[:9])
    told = refused(exported.path, [log])
    assert "without --statistics_examples=0" in told
    broken = shutil.copytree(watched_export, tmp_path / "broken")
    path = broken / "assets.extra/statistics.json"
    path.write_text(path.read_text().replace('"counts"', '"count"'))
    assert "they were changed" in refused(broken, [log])
    path.write_text('{"version": 2}')
    assert "statistics of version 1" in refused(broken, [log])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("psi", "must be psi<=NUMBER"),
        ("psi>=0.1", "must be psi<=NUMBER"),
        ("psi<=nan", "must be psi<=NUMBER"),
        ("confidense<=0.1", 'did you mean "confidence"?'),
    ],
    ids=["form", "sign", "number", "name"],
)
@pytest.mark.slow
def test_requirements_that_mean_nothing(
    watched_export, last_third, tmp_path, text, told
):
    log = saved(tmp_path / "a.npy", last_third[:9])
    assert told in refused(watched_export, [log], require=(text,))
