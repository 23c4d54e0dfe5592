"""Texts from a file to a served answer, as a user goes there."""

import json
import pathlib
import shlex

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.main import main

# a few seconds each, and told in short by other tests
pytestmark = pytest.mark.slow

TOPICS = {
    "money": "pay,bill,bank,card,loan,account,transfer,balance",
    "天气": "雨,雪,风,晴,云,冷,热,雷",
    "food": "cook,bread,soup,rice,pie,recipe,dinner,taste",
}
TRAINING = "--batch_size=8 --learning_rate=0.05"


def rows(count, seed):
    """Texts of a few words of one topic, and what the topic is."""
    random = np.random.default_rng(seed)
    for number in range(count):
        topic = list(TOPICS)[number % len(TOPICS)]
        words = random.choice(TOPICS[topic].split(","), 4)
        yield f"{number} {' '.join(words)} <b>please</b>", topic


@pytest.fixture(scope="module")
def pixels_for_figures():
    """Figures are drawn here."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data, a language model and a classifier on it."""
    place = tmp_path_factory.mktemp("texts")
    topics = place / "topics"
    topics.mkdir()
    for split, count in (("train", 60), ("test", 24), ("dev", 12)):
        lines = ["text\tlabel", *map("\t".join, rows(count, count))]
        (topics / f"{split}.tsv").write_text("\n".join(lines), "utf-8")
    lines = "\n".join(text for text, _ in rows(200, 0))
    (place / "lines.txt").write_text(lines, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        run(
            "pretrain --name=lm --dataset=lines:lines.txt --epochs=2 "
            "--backbone=textcnn(width=16,filters=8,kernels=[3]) "
            f"--objective=masked_tokens {TRAINING}"
        )
        run(
            "finetune --name=topics --init_from=lm --freeze=none --epochs=12 "
            "--dataset=tsv:topics --text_column=text --compare_scratch "
            f"--export_to=saved_models/topics {TRAINING}"
        )
    return place


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


def run(command):
    assert main(shlex.split(command)) == 0


def result(name):
    return json.loads(pathlib.Path(f"runs/{name}/result.json").read_text())


def test_a_model_without_labels_tells_its_perplexity(here, capsys, caplog):
    metrics = result("lm")["metrics"]["test"]
    assert metrics["perplexity"] == pytest.approx(np.exp(metrics["loss"]))
    # 24 words of topics, numbers and "please" are guessed among
    assert 0.1 < metrics["accuracy"] <= 1
    report = (here / "runs/lm/report.html").read_text("utf-8")
    assert "perplexity" in report and "confusion" not in report.lower()
    run("evaluate runs/lm")
    assert "perplexity" in capsys.readouterr().out
    # a text is a number, four words and "please"; no number comes twice, so
    # one token of six of the test texts is unknown
    told = "Tokens by characters: 187 in the vocabulary, 16.67% unknown, "
    assert f"{told}0.00% of the texts cut off at 6." in caplog.messages


def test_the_vocabulary_is_carried_along(here):
    vocabularies = [
        (here / "runs" / name / "vocabulary.txt").read_bytes()
        for name in ("lm", "topics")
    ]
    assert vocabularies[0] == vocabularies[1]
    assert result("topics")["transfer"]["share"] == 1.0
    assert result("topics")["metrics"]["test"]["accuracy"] == 1.0


def test_predicts_texts_files_and_lines(here, capsys):
    file = here / "some.txt"
    file.write_text("the bank transfer\n下雪 很 冷\n", "utf-8")
    run("predict runs/topics 'soup and bread' some.txt")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["food", "money", "天气"]
    run("predict runs/topics zzz --reject_below=0.999999")
    assert "(none)" in capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_the_export_takes_raw_strings():
    loaded = tf.saved_model.load("saved_models/topics/1")
    texts = ["PAY the <i>bank</i>", "雨雪", "", "🙂" * 1000, "pie " * 25_000]
    answers = loaded.signatures["serving_default"](text=tf.constant(texts))
    labels = [label.decode() for label in answers["label"].numpy()]
    assert labels[:2] == ["money", "天气"] and labels[4] == "food"
    sums = answers["probabilities"].numpy().sum(axis=1)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)


@pytest.mark.usefixtures("here")
def test_a_language_model_goes_on_with_a_text(capsys):
    run(
        "pretrain --name=next --dataset=text:lines.txt --sequence_length=32 "
        "--tokenizer=characters(all=True,clean=False,lower=False) "
        "\"--backbone=rnn(cell='gru',units=16)\" --objective=next_token "
        f"--epochs=2 {TRAINING}"
    )
    capsys.readouterr()
    told = []
    for _ in range(2):
        run("predict runs/next '4 pay ' --generate=20 --seed=3")
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] and len(told[0].strip()) > 20
    assert told[0].startswith("4 pay ")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "pretrain --dataset=lines:lines.txt",
            "needs a label an example, this data set has none: use "
            "--objective=masked_tokens",
        ),
        (
            "pretrain --dataset=lines:lines.txt --objective=skipgram "
            "--export_to=saved_models/x",
            "leave out --export_to, fine-tune first",
        ),
        (
            "pretrain --dataset=lines:lines.txt --objective=next_token "
            "--backbone=textcnn",
            "needs a backbone that does not look ahead",
        ),
        (
            "pretrain --dataset=tsv:topics --text_column=text --backbone=cnn",
            "use another --backbone",
        ),
        ("pretrain --objective=masked_tokens", "learns from texts"),
        (
            "finetune --init_from=lm --dataset=tsv:topics --text_column=text "
            "--tokenizer=words",
            "read text by --tokenizer=characters, got words: leave it out",
        ),
    ],
)
@pytest.mark.usefixtures("here")
def test_mistakes_are_told_in_a_line(capsys, command, message):
    assert main([*shlex.split(command), "--name=wrong"]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not pathlib.Path("runs/wrong").exists()
