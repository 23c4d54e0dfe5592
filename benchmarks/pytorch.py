"""The work done by PyTorch, in two loops.

"loader" is the loop of its users: a DataLoader over tensors. "slices" is
that of its experts: batches taken by a permuted index, channels last, fused
optimizers.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks import common
from benchmarks.common import Outcome, Work

_WIDTH = 128
torch.set_num_threads(common.CPUS)


def mlp(work: Work, loop: str) -> Outcome:
    """An MLP on pixels from 0 to 1, SGD with momentum."""
    torch.manual_seed(work.seed)
    hidden = nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()
    head = nn.Linear(64, common.CLASSES)
    model = _initialized(nn.Sequential(nn.Flatten(), *hidden, head))
    sgd = partial(torch.optim.SGD, lr=0.01, momentum=0.9)
    return _train(model, _pixels(work), work, loop, sgd)


def cnn(work: Work, loop: str, *, trainable: bool = True) -> Outcome:
    """A CNN on pixels from 0 to 1, Adam."""
    torch.manual_seed(work.seed)
    body = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()),
    )
    head = nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, common.CLASSES)
    model, inputs = _initialized(nn.Sequential(body, *head)), _pixels(work)
    body.requires_grad_(trainable)
    if loop == "slices":
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.to(memory_format=torch.channels_last)
    return _train(model, inputs, work, loop)


frozen = partial(cnn, trainable=False)


def folder(work: Work, loop: str) -> Outcome:
    """Shuffled batches of photos that 2 processes decode with PIL."""
    del loop
    torch.manual_seed(work.seed)
    sizes = {"batch_size": common.BATCH_SIZE, "num_workers": 2}
    paths, order = work.inputs.tolist(), {"shuffle": True}
    batches = DataLoader(paths, collate_fn=_decoded, **sizes, **order)
    return common.read_pixels(work.epochs, lambda: batches)


def transformer(work: Work, loop: str) -> Outcome:
    """A Transformer encoder, Adam."""
    torch.manual_seed(work.seed)
    model = _initialized(_Encoder(), lambda w: nn.init.normal_(w, std=0.05))
    return _train(model, torch.from_numpy(work.inputs), work, loop)


class _Encoder(nn.Module):
    """Tokens to logits by 2 layers of the encoder of Vaswani et al. 2017."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(common.VOCABULARY, _WIDTH)
        layer = nn.TransformerEncoderLayer(
            _WIDTH, 4, 4 * _WIDTH, dropout=0.0, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(_WIDTH, common.CLASSES)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.embedding(tokens)).mean(1))


def _decoded(paths: list[str]) -> torch.Tensor:
    photos = (torch.from_numpy(common.read_photo(path)) for path in paths)
    return torch.stack(list(photos))


def _initialized(
    model: nn.Module, draw: Callable = nn.init.xavier_uniform_
) -> nn.Module:
    """The model with weights drawn as Keras draws them."""
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() > 1 and "embedding" not in name:
            draw(parameter)
    return model


def _pixels(work: Work) -> torch.Tensor:
    """float32 of shape (examples, channels, height, width)."""
    images = torch.from_numpy(work.inputs).permute(0, 3, 1, 2)
    return images.contiguous().float() / 255.0


def _train(
    model: nn.Module,
    inputs: torch.Tensor,
    work: Work,
    loop: str,
    make: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
) -> Outcome:
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = make(trained, fused=loop == "slices")
    labels, loss_of = torch.from_numpy(work.labels), nn.CrossEntropyLoss()
    examples = TensorDataset(inputs, labels)
    loader = DataLoader(examples, batch_size=common.BATCH_SIZE, shuffle=True)

    def slices() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for chosen in torch.randperm(len(inputs)).split(common.BATCH_SIZE):
            yield inputs[chosen], labels[chosen]

    def epoch() -> float:
        losses = []
        for x, y in loader if loop == "loader" else slices():
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    outcome = common.timed(work.epochs, epoch)
    outcome.parameters = sum(p.numel() for p in model.parameters())
    return outcome
