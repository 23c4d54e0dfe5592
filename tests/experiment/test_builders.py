"""What a fine-tuning is fed with, cached or streamed: the same weights."""

import keras
import numpy as np
import pytest

from keras_ptft import Config
from keras_ptft.experiment import stages

SMALL = {"backbone": "cnn(filters=[6, 8], dense=8)", "image_size": 8}
SMALL |= {"epochs": 3, "augment": "shift(padding=1)", "freeze": "conv1"}
SMALL |= {"explain": False, "jit_compile": "false"}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    settings = SMALL | {"epochs": 1, "freeze": "all"}
    stages.pretrain(
        Config(name="first", runs_dir=str(folder), **settings, classes="0-4")
    )
    return folder


def weights(folder, name, **settings):
    settings = SMALL | {"init_from": "first", "classes": "5-9"} | settings
    stages.finetune(Config(name=name, runs_dir=str(folder), **settings))
    path = folder / name / "model.keras"
    return keras.saving.load_model(path, compile=False).get_weights()


def entries(folder):
    return {path.name for path in (folder / ".features").glob("*")}


def largest_difference(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_views_train_the_same_weights_as_streamed_images(pretrained, caplog):
    streamed = weights(pretrained, "streamed")
    assert entries(pretrained) == set()
    assert "--augment_views=K would compute K passes once" in caplog.text
    cached = weights(pretrained, "cached", augment_views=9)
    assert largest_difference(streamed, cached) < 1e-5
    # a view for each epoch there is, and validation
    assert len(entries(pretrained)) == 3 + 1

    # the first two epochs' views are known, and the third is the first again
    caplog.clear()
    fewer = weights(pretrained, "fewer", augment_views=2)
    assert largest_difference(streamed, fewer) > 1e-4
    assert len(entries(pretrained)) == 3 + 1
    assert "Features of" in caplog.text
    assert "Computing features" not in caplog.text


@pytest.mark.slow
def test_another_seed_has_other_views(pretrained):
    weights(pretrained, "seed0", augment_views=1)
    before = entries(pretrained)
    weights(pretrained, "seed1", augment_views=1, seed=1)
    # validation goes by content
    assert len(entries(pretrained) - before) == 1


@pytest.mark.slow
def test_no_features_are_kept_without_a_cache(pretrained, caplog):
    before = entries(pretrained)
    settings = {"augment": "none", "feature_cache_gb": 0.0}
    weights(pretrained, "without", **settings)
    assert entries(pretrained) == before
    assert "over --feature_cache_gb=0." in caplog.text
