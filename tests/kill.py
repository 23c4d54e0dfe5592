"""Kills trainings at chosen changes of their files.

Afterwards everything that a training leaves is compared but for the seconds
it took: weights, optimizer, checkpoints, history, scores and exports.
"""

import dataclasses
import pathlib
import re
import shutil
import signal
from collections.abc import Iterable

from tests.crash import Aim, watched
from tests.forked import forked

ROOT = pathlib.Path(__file__).parent.parent
TEXT = ROOT / "CONTRIBUTING.md"
# otherwise a measurement decides, which differs between processes
PLAIN = ("--jit_compile=false", "--image_size=8")
CNN = "--backbone=cnn(filters=[6,8],dense=8,batch_norm=True,dropout=0.3)"


def half(path: str, count: int = 1) -> Aim:
    """While a file is being written."""
    return Aim("open", f"*/{path}", count)


def before(path: str, count: int = 1) -> Aim:
    """When a file is written, but does not have its name yet."""
    return Aim("os.rename", f"*/{path}", count)


def after(path: str, count: int = 1) -> Aim:
    """When a file has its name."""
    return Aim("os.rename", f"*/{path}", count, after=True)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A training that is to be killed.

    Attributes:
        words: its command line.
        aims: moments at which it is killed, in an order it can meet.
        parent: command line of what it is fine-tuned from, or nothing.
        devices: logical CPUs.
    """

    words: str
    aims: tuple[Aim, ...]
    parent: str = ""
    devices: int = 1


RECIPES = {
    "mlp": Recipe(
        "pretrain --name=x --epochs=20 --checkpoint_every=7 --explain=false "
        "--backbone=mlp(hidden=[1024,512]) --schedule=cosine",
        (
            before("x/flags.flags"),
            half("checkpoints/.partial-*"),
            before("checkpoints/step-*", 4),
            half("checkpoints/.partial-*", 5),
            after("x/history.csv", 3),
            after("checkpoints/step-*", 11),
            before("x/model.keras"),
        ),
    ),
    "cnn": Recipe(
        "pretrain --name=x --epochs=6 --checkpoint_every=37 "
        f"--batch_size=16 --augment=shift(padding=1) {CNN}",
        (
            half("checkpoints/.partial-*", 2),
            after("x/history.csv"),
            before("checkpoints/step-*", 2),
            before("x/history.csv", 2),
            after("checkpoints/step-*", 3),
            after("x/model.keras"),
        ),
    ),
    "finetune": Recipe(
        "finetune --name=x --init_from=parent --classes=5-9 --freeze=conv1 "
        "--augment=shift(padding=1) --augment_views=3 --epochs=8 "
        "--batch_size=16 --checkpoint_every=50 --compare_scratch "
        "--export_to=saved_models/x --explain=false",
        (
            half(".features/.partial-*"),
            before("checkpoints/step-*"),
            after("x/history.csv", 3),
            before("scratch/history.csv", 2),
            after("scratch/checkpoints/step-*"),
            Aim("os.mkdir", "*/saved_models/x/.partial-*", after=True),
            after("saved_models/x/1"),
        ),
        parent="pretrain --name=parent --classes=0-4 --epochs=1 "
        f"--explain=false {CNN}",
    ),
    "text": Recipe(
        f"pretrain --name=x --dataset=text:{TEXT} --epochs=5 "
        "--checkpoint_every=7 --tokenizer=characters(all=True) "
        "--sequence_length=32 --augment=drop_tokens(rate=0.05) "
        "--explain=false "
        '--backbone=rnn(cell="gru",units=24) --objective=next_token',
        (
            half("checkpoints/.partial-*"),
            after("x/history.csv"),
            before("checkpoints/step-*", 2),
        ),
    ),
    "mirrored": Recipe(
        "pretrain --name=x --strategy=mirrored --precision=mixed_float16 "
        "--batch_size=16 --gradient_accumulation=2 --learning_rate=0.05 "
        "--epochs=10 --early_stopping_patience=3 --checkpoint_every=1s "
        f"--explain=false {CNN}",
        (
            half("checkpoints/.partial-*"),
            after("checkpoints/step-*"),
            before("x/history.csv"),
        ),
        devices=2,
    ),
    "deterministic": Recipe(
        "pretrain --name=x --deterministic --epochs=7 --checkpoint_every=7 "
        f"--augment=shift(padding=1) --explain=false {CNN}",
        (
            half("checkpoints/.partial-*", 2),
            after("checkpoints/step-*", 3),
            after("x/history.csv", 2),
        ),
    ),
}


def run(
    recipe: Recipe, words: str, folder: pathlib.Path, *aims: Aim
) -> tuple[bool, int]:
    """Runs a command in a folder, until it ends or meets an aim.

    Returns:
        Whether it was killed; or else how often it changed a file.

    Raises:
        RuntimeError: it failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = [*words.split(), *PLAIN]
    code, told = forked(
        watched, program, list(aims), recipe.devices, folder=folder
    )
    if code == -signal.SIGKILL and aims:
        return True, 0
    if code:
        raise RuntimeError(f"{words} in {folder}: {told}")
    found = re.search(r"^changes (\d+)$", told, re.MULTILINE)
    return False, int(found[1])


def undisturbed(recipe: Recipe, folder: pathlib.Path) -> int:
    """Runs a recipe in an empty folder; returns its changes of files."""
    if recipe.parent:
        run(recipe, recipe.parent, folder)
    return run(recipe, recipe.words, folder)[1]


def killed(
    recipe: Recipe,
    folder: pathlib.Path,
    aims: Iterable[Aim],
    whole: pathlib.Path,
) -> list[Aim]:
    """Kills a recipe at each aim in turn, then lets it run to its end.

    Args:
        recipe: to be killed.
        folder: in which it runs, empty.
        aims: moments at which it is killed.
        whole: folder in which it ran undisturbed; its parent is taken.

    Returns:
        The aims that it met.
    """
    if recipe.parent:
        shutil.copytree(whole / "runs/parent", folder / "runs/parent")
    met = []
    for aim in aims:
        was_killed, _ = run(recipe, recipe.words, folder, aim)
        if not was_killed:
            return met
        met.append(aim)
    run(recipe, recipe.words, folder)
    return met
