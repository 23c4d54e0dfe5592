from keras_ptft.data.text.tokenizers.vocabulary import unescaped
from keras_ptft.serving.bundle.assets import write_assets


def test_a_label_and_a_token_per_line(tmp_path):
    tokens = ("[PAD]", "a\n", "\u2028", "\\", "中")
    written = write_assets(tmp_path, ("cat", "golden\nretriever"), tokens)
    assert written == ["assets/labels.txt", "assets/vocabulary.txt"]
    labels = (tmp_path / written[0]).read_text(encoding="utf-8")
    assert labels == "cat\ngolden retriever\n"
    lines = (tmp_path / written[1]).read_text(encoding="utf-8").split("\n")
    assert tuple(map(unescaped, lines[:-1])) == tokens
    assert write_assets(tmp_path / "none", (), ()) == []
    assert not (tmp_path / "none").exists()


def test_a_version_with_them_is_loaded(image, in_session):
    signatures, labels, _, folder = image
    write_assets(folder, labels, ())
    case = signatures[0].cases[1]
    found = in_session(folder, "serving_default", **case.inputs)
    assert found["logits"].shape == case.outputs["logits"].shape
