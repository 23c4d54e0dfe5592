"""The work done by PyTorch, in two loops.

"loader" is the loop of its users: a DataLoader over tensors. "slices" is
that of its experts: batches taken by a permuted index, channels last, fused
optimizers.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from benchmarks.material import CLASSES
from benchmarks.work import BATCH_SIZE, CPUS, Outcome, Watch, Work, read_epochs

Batches = Callable[[], Iterable[tuple[torch.Tensor, torch.Tensor]]]


def mlp(work: Work, loop: str) -> Outcome:
    """An MLP on pixels from 0 to 1, SGD with momentum."""
    _start(work)
    model = nn.Sequential(
        *(nn.Flatten(), nn.Linear(784, 128), nn.ReLU()),
        *(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, CLASSES)),
    )
    initialize(model)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, fused=loop == "slices"
    )
    return _train(model, optimizer, _pixels(work), work, loop)


def cnn(work: Work, loop: str) -> Outcome:
    """A CNN on pixels from 0 to 1, Adam."""
    _start(work)
    return _train_cnn(_cnn(), work, loop)


def frozen(work: Work, loop: str) -> Outcome:
    """The CNN with convolutions that need no gradient."""
    _start(work)
    model = _cnn()
    model[0].requires_grad_(False)
    return _train_cnn(model, work, loop)


def folder(work: Work, loop: str) -> Outcome:
    """Shuffled batches of photos that 2 processes decode with PIL."""
    del loop
    _start(work)
    batches = DataLoader(
        Photos(work), batch_size=BATCH_SIZE, shuffle=True, num_workers=2
    )
    return read_epochs(lambda: (images for images, _ in batches), work.epochs)


def transformer(work: Work, loop: str) -> Outcome:
    """A Transformer encoder."""
    _start(work)
    model = Encoder()
    initialize(model, lambda matrix: nn.init.normal_(matrix, std=0.05))
    optimizer = torch.optim.Adam(
        model.parameters(), lr=1e-3, fused=loop == "slices"
    )
    return _train(model, optimizer, torch.from_numpy(work.inputs), work, loop)


class Photos(Dataset):
    """Image files and labels, decoded one by one."""

    def __init__(self, work: Work) -> None:
        self.paths = [str(path) for path in work.inputs]
        self.labels = work.labels.tolist()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.paths[index]) as image:
            image = image.convert("RGB")
            image = image.resize((96, 96), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(image)), self.labels[index]


class Encoder(nn.Module):
    """Tokens to logits by 2 layers of the encoder of Vaswani et al. 2017."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1_000, 128)
        layer = nn.TransformerEncoderLayer(
            128, 4, dim_feedforward=512, dropout=0.0, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(128, CLASSES)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, length) → (batch, classes)."""
        return self.head(self.encoder(self.embedding(tokens)).mean(1))


def initialize(
    model: nn.Module,
    draw: Callable[[torch.Tensor], object] = nn.init.xavier_uniform_,
) -> None:
    """Draws weights as Keras does, so that the losses can be compared."""
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() > 1 and "embedding" not in name:
            draw(parameter)


def _start(work: Work) -> None:
    torch.manual_seed(work.seed)
    torch.set_num_threads(CPUS)


def _pixels(work: Work) -> torch.Tensor:
    """float32 of shape (examples, channels, height, width)."""
    images = torch.from_numpy(work.inputs).permute(0, 3, 1, 2)
    return images.contiguous().float() / 255.0


def _cnn() -> nn.Sequential:
    """The convolutions, then the layers on top of them."""
    body = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()),
    )
    head = nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, CLASSES)
    model = nn.Sequential(body, *head)
    initialize(model)
    return model


def _train_cnn(model: nn.Module, work: Work, loop: str) -> Outcome:
    inputs = _pixels(work)
    if loop == "slices":
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.to(memory_format=torch.channels_last)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-3, fused=loop == "slices")
    return _train(model, optimizer, inputs, work, loop)


def _batches(inputs: torch.Tensor, labels: torch.Tensor, loop: str) -> Batches:
    """Gives an epoch's batches whenever it is called."""
    if loop == "loader":
        loader = DataLoader(
            TensorDataset(inputs, labels), batch_size=BATCH_SIZE, shuffle=True
        )
        return lambda: loader

    def slices():
        for chosen in torch.randperm(len(inputs)).split(BATCH_SIZE):
            yield inputs[chosen], labels[chosen]

    return slices


def _train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: torch.Tensor,
    work: Work,
    loop: str,
) -> Outcome:
    outcome, whole = Outcome(), Watch()
    batches = _batches(inputs, torch.from_numpy(work.labels), loop)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(work.epochs):
        epoch, losses = Watch(), []
        for x, y in batches():
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        outcome.seconds.append(epoch.seconds())
        outcome.losses.append(float(np.mean(losses)))
    outcome.total = whole.seconds()
    return outcome
