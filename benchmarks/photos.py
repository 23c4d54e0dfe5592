"""Photos: frozen networks under a head, and reading a folder of JPEG files."""

import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import loops
from benchmarks.common import (
    KERAS,
    LOADER,
    OURS,
    Lazy,
    Outcome,
    Row,
    Work,
    keras,
    layers,
    nn,
    ours,
    tf,
    timed,
    torch,
)
from benchmarks.data import SIDE, read_photo

batching = Lazy("keras_ptft.data.pipeline.batching")
models = Lazy("keras_ptft.models.efficientnet_lite")
given = Lazy("keras_ptft.models.backbone_input")

_SIDE = 224
"""Of photos as EfficientNet-Lite0 takes them, in pixels."""
# blocks, kernel, stride, expansion, filters
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def our_mobilenet(work: Work) -> Outcome:
    """A head on a user's Keras model, which takes raw pixels."""
    keras.utils.set_random_seed(work.seed)
    inputs = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    base = keras.Model(inputs, _mobilenet()(scaled), name="backbone")
    return ours.Run(work, base=base, freeze="all").train_frozen()


def keras_mobilenet(work: Work) -> Outcome:
    """A head on the same, which is not trainable."""
    keras.utils.set_random_seed(work.seed)
    base = _mobilenet()
    base.trainable = False
    model = keras.Sequential([base, layers.Dense(work.classes)])
    return loops.fit(model, work.inputs / np.float32(127.5) - 1.0, work)


def our_efficientnet(work: Work) -> Outcome:
    """A head on a backbone of ours, from the folder on."""
    # imports are not part of the work
    photos = ours.photos
    with tempfile.TemporaryDirectory() as cache:
        found: list[Any] = []
        looked = timed(1, lambda: found.append(photos(work, _SIDE, cache)))
        settings = {"backbone": "efficientnet_lite0", "freeze": "all"}
        outcome = ours.Run(work, found[0], **settings).train_frozen()
    outcome.total += looked.total
    return outcome


def keras_efficientnet(work: Work) -> Outcome:
    """A head on the same backbone, which is not trainable."""
    keras.utils.set_random_seed(work.seed)
    base = models.efficientnet_lite0(
        given.BackboneInput(tf.TensorSpec((_SIDE, _SIDE, 3), tf.float32))
    )
    base.trainable = False
    scale, head = layers.Rescaling(1 / 255.0), layers.Dense(work.classes)
    inputs = keras.Input((_SIDE, _SIDE, 3))
    model = keras.Sequential([inputs, scale, base, head])
    return loops.fit(model, _keras_photos(work, _SIDE), work)


def torch_efficientnet(work: Work) -> Outcome:
    """A head on the same, in inference; 2 processes decode photos."""
    torch.manual_seed(work.seed)

    class Probe(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            draw = _by_outputs
            body = loops.initialized(_efficientnet(), draw).eval()
            # a third faster than channels first
            self.body = body.to(memory_format=torch.channels_last)
            self.head = loops.initialized(nn.Linear(1280, work.classes))

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                features = self.body(x / 255.0)
            return self.head(features)

    model = Probe()
    model.body.requires_grad_(False)
    batches = _torch_photos(work, _SIDE)
    return loops.epochs_of(model, lambda: batches, work)


def our_folder(work: Work) -> Outcome:
    """Shuffled batches of photos, which are kept once they were decoded."""
    sizes = {"batch_size": work.batch_size, "seed": work.seed}
    with tempfile.TemporaryDirectory() as cache:
        source = ours.photos(work, SIDE, cache).splits["train"]
        every = batching.training_batches(source, lambda *b: b, **sizes)
        batches = iter(every)
        steps = range(len(work.labels) // work.batch_size)
        return _read(work, lambda: (next(batches)[0] for _ in steps))


def keras_folder(work: Work) -> Outcome:
    """Shuffled batches of decoded photos."""
    batches = _keras_photos(work, SIDE)
    return _read(work, lambda: (x for x, _ in batches))


def torch_folder(work: Work) -> Outcome:
    """Shuffled batches of photos that 2 processes decode."""
    torch.manual_seed(work.seed)
    batches = _torch_photos(work, SIDE)
    return _read(work, lambda: (x for x, _ in batches))


def _read(work: Work, batches: Any) -> Outcome:
    return timed(
        work.epochs,
        lambda: float(np.mean([x.numpy().mean() for x in batches()])),
    )


def _keras_photos(work: Work, side: int) -> Any:
    root = pathlib.Path(work.inputs[0]).parent.parent
    sizes = {"image_size": (side, side), "batch_size": work.batch_size}
    read = keras.utils.image_dataset_from_directory
    return read(root, seed=work.seed, verbose=False, **sizes)


def _torch_photos(work: Work, side: int) -> Any:
    """A DataLoader whose 2 workers decode with PIL."""

    def decoded(pairs: Sequence) -> tuple[Any, Any]:
        photos = [torch.from_numpy(read_photo(p, side)) for p, _ in pairs]
        images = torch.stack(photos).permute(0, 3, 1, 2)
        return images, torch.tensor([label for _, label in pairs])

    pairs = list(zip(work.inputs.tolist(), work.labels.tolist(), strict=True))
    options = {"batch_size": work.batch_size, "num_workers": 2}
    # they live on from epoch to epoch, as timm has it
    options |= {"shuffle": True, "persistent_workers": True}
    return torch.utils.data.DataLoader(pairs, collate_fn=decoded, **options)


def _mobilenet() -> Any:
    """MobileNetV2 without its head, with random weights."""
    return keras.applications.MobileNetV2(
        (SIDE, SIDE, 3), include_top=False, weights=None, pooling="avg"
    )


def _efficientnet() -> Any:
    """EfficientNet-Lite0 without its head, for PyTorch."""
    parts, width = [_convolution(3, 32, 3, 2), nn.ReLU6()], 32
    for blocks, kernel, stride, expansion, filters in _STAGES:
        for i in range(blocks):
            shape = width, filters, kernel, stride if i == 0 else 1
            parts.append(_block(*shape, expansion))
            width = filters
    parts += [_convolution(width, 1280), nn.ReLU6()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _block(
    width: int, filters: int, kernel: int, stride: int, expansion: int
) -> Any:
    """Widens, filters each channel by itself, then narrows again."""
    inner, parts = width * expansion, []
    if expansion > 1:
        parts += [_convolution(width, inner), nn.ReLU6()]
    parts += [_convolution(inner, inner, kernel, stride, inner), nn.ReLU6()]
    parts.append(_convolution(inner, filters))

    class Added(nn.Sequential):
        def forward(self, x: Any) -> Any:
            return x + super().forward(x)

    is_added = stride == 1 and width == filters
    return (Added if is_added else nn.Sequential)(*parts)


def _convolution(
    width: int, filters: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> Any:
    shape = width, filters, kernel, stride, kernel // 2
    convolution = nn.Conv2d(*shape, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(filters, eps=1e-3))


def _by_outputs(kernel: Any) -> None:
    """He's distribution by what goes out, as the backbone of ours has it."""
    filters, _, *sides = kernel.shape
    is_depthwise = kernel.shape[1] == 1
    count = (1 if is_depthwise else filters) * int(np.prod(sides))
    # of what is cut off at two deviations the deviation is smaller
    deviation = (2.0 / count) ** 0.5 / 0.8796
    ends = {"a": -2 * deviation, "b": 2 * deviation}
    nn.init.trunc_normal_(kernel, std=deviation, **ends)


_FOLDER = {OURS: our_folder, LOADER: torch_folder, KERAS: keras_folder}
ROWS = {
    "mobilenet": Row(
        f"MobileNetV2 at {SIDE}×{SIDE}, frozen, 10 epochs",
        *("photos", 512, 10),
        {OURS: our_mobilenet, KERAS: keras_mobilenet},
        {KERAS: 8.0},
        counts="whole",
    ),
    "efficientnet": Row(
        f"EfficientNet-Lite0 at {_SIDE}×{_SIDE}, frozen, 10 epochs, from JPEG",
        *("paths", 512, 10),
        {
            OURS: our_efficientnet,
            LOADER: torch_efficientnet,
            KERAS: keras_efficientnet,
        },
        {LOADER: 5.0, KERAS: 5.0},
        counts="whole",
        sampled=2,
    ),
    "folder_first": Row(
        f"JPEG folder to batches of {SIDE}×{SIDE}, first epoch",
        *("paths", 512, 2),
        _FOLDER,
        {LOADER: 1.3},
        counts="first",
    ),
    "folder": Row(
        f"JPEG folder to batches of {SIDE}×{SIDE}, later epochs",
        *("paths", 512, 4),
        _FOLDER,
        {LOADER: 10.0},
    ),
}
