"""Commands on runs of earlier versions."""

import keras
import pytest

from keras_ptft import Config, UserError, evaluate, files
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.run_dir import FLAGS_FILE
from keras_ptft.objectives.saved import write_objective
from tests.infos import text_info

VOCABULARY = ("[PAD]", "[UNK]", "[MASK]", "[END]", "to", "be")


def test_a_masked_model_of_version_0_1_is_refused_in_one_line(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    lines = [f"to be {number}" for number in range(80)]
    (tmp_path / "lines.txt").write_text("\n".join([*lines, ""]))
    folder = tmp_path / "runs" / "old"
    folder.mkdir(parents=True)
    config = Config(dataset="lines:lines.txt", objective="masked_tokens")
    files.write_text(folder / FLAGS_FILE, config.to_flags())
    info = text_info(VOCABULARY, sequence_length=4)
    write_objective(folder, "masked_tokens", info)
    RunResult(run="old", stage="pretrain").write(folder)
    ids = keras.Input((None,), dtype="int32", name="tokens")
    rows = keras.layers.Embedding(6, 2, name="sequence")(ids)
    keras.Model(ids, rows[:, 0]).save(folder / "backbone.keras")
    # tokens and positions packed in one tensor, as it was then
    packed = keras.Input((None, 2), dtype="int32", name="tokens")
    logits = keras.layers.Dense(6)(keras.ops.cast(packed, "float32"))
    keras.Model(packed, logits).save(folder / "model.keras")
    with pytest.raises(UserError, match="must have an input 'masked_pos"):
        evaluate(folder)
