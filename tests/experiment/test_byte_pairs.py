"""A RoBERTa of KerasHub from texts to a served answer, as a user goes there."""

import contextlib
import json
import logging
import pathlib
import shlex
import shutil

import pytest
import tensorflow as tf
import tokenizers

from keras_ptft.main import main
from tests.models.pretrained import roberta_files

pytest.importorskip("keras_hub")
# one run, of which all is asked
pytestmark = pytest.mark.slow

INTENTS = "balance", "weather", "translate"
COUNTS = {"train": ("train", 24), "val": ("dev", 6), "test": ("test", 12)}


@pytest.fixture(scope="module")
def place(shared_data, tmp_path_factory):
    """A folder with requests, a fine-tuned run on them, and its export.

    The model that it started from is gone.
    """
    place = tmp_path_factory.mktemp("byte_pairs")
    path = shared_data / "clinc_oos" / "data_full.json"
    found = json.loads(path.read_text("utf-8"))
    for folder in ("requests", "model"):
        (place / folder).mkdir()
    for split, (name, count) in COUNTS.items():
        lines = ["text\tlabel"]
        for intent in INTENTS:
            rows = [row for row in found[split] if row[1] == intent]
            lines += ["\t".join(row) for row in rows[:count]]
        (place / "requests" / f"{name}.tsv").write_text("\n".join(lines))
    pairs = roberta_files.trained([text for text, _ in found["train"][:1000]])
    theirs = roberta_files.backbone(pairs.get_vocab_size(), width=32)
    roberta_files.save_preset(place / "model", theirs, pairs)
    said = logging.FileHandler(place / "said.txt", encoding="utf-8")
    log = logging.getLogger("keras_ptft")
    log.addHandler(said)
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(said):
        patch.chdir(place)
        run(
            "finetune --name=requests --init_from=hub:model --freeze=none "
            "--dataset=tsv:requests --text_column=text --sequence_length=9 "
            "--epochs=3 --batch_size=8 --learning_rate=0.003 --explain=false "
            "--jit_compile=false --export_to=saved"
        )
    log.removeHandler(said)
    shutil.rmtree(place / "model")
    return place


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


def run(command):
    assert main(shlex.split(command)) == 0


def client(text):
    """Answers without this program: the package, and the graph."""
    file = "saved/1/assets.extra/tokenizer.json"
    package = tokenizers.Tokenizer.from_file(file)
    ids = [one.ids for one in package.encode_batch([text, "", "to me " * 9])]
    loaded = tf.saved_model.load("saved/1")
    assert "tokens" not in loaded.signatures
    answer = loaded.signatures["serving_default"](tokens=tf.constant(ids))
    return {name: values.numpy()[0] for name, values in answer.items()}


def test_evaluation_needs_the_run_alone(here, capsys, caplog):
    run("evaluate runs/requests")
    told = capsys.readouterr().out
    result = json.loads((here / "runs/requests/result.json").read_text())
    accuracy = result["metrics"]["test"]["accuracy"]
    assert f"accuracy {accuracy:.6g}\n" in told
    # what is cut off is counted
    (line,) = [m for m in caplog.messages if m.startswith("Tokens by")]
    begin = "Tokens by bpe: 600 in the vocabulary, 0.00% unknown, "
    assert line.startswith(begin) and line.endswith("texts cut off at 9.")
    share = line.removeprefix(begin).partition("%")[0]
    assert 0 < float(share) < 100
    card = (here / "runs/requests/MODEL_CARD.md").read_text("utf-8")
    assert "texts: at most 9 tokens of bpe, the rest is cut off" in card


def test_an_export_says_that_it_takes_tokens(here):
    lines = (here / "said.txt").read_text("utf-8").splitlines()
    said = "Tokenizer bpe cannot run in a graph: the export takes tokens."
    assert lines.index(said) < lines.index("Exported saved/1.")


@pytest.mark.usefixtures("here")
def test_clients_of_the_export_make_tokens_by_its_file(capsys):
    text = "what is my balance, 北京 <mask>?"
    scores = client(text)
    assert set(scores) == {"label", "score", "logits", "probabilities"}
    best = int(scores["logits"].argmax())
    labels = json.loads(pathlib.Path("runs/requests/labels.json").read_text())
    for model in ("runs/requests", "saved"):
        run(f"predict {model} '{text}'")
        (line,) = capsys.readouterr().out.splitlines()
        _, label, probability = line.rsplit("  ", 2)
        assert label == labels[best]
        assert float(probability) == pytest.approx(
            scores["probabilities"][best], abs=1e-4
        )


def test_a_run_is_what_the_next_one_starts_from(here):
    run(
        "finetune --name=next --init_from=requests --probe=lbfgs "
        "--dataset=tsv:requests --text_column=text --explain=false"
    )
    files = [
        (here / "runs" / name / "tokenizer.json").read_bytes()
        for name in ("requests", "next")
    ]
    assert files[0] == files[1]
