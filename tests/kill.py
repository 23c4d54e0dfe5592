"""Kills trainings at chosen and at random instants, and compares the ends.

What is compared is everything that a training leaves but for the seconds it
took: weights, optimizer, checkpoints, history, scores and exports.
"""

import collections
import dataclasses
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

PROGRAM = (sys.executable, "-m", "keras_ptft")
# the same on two logical CPUs, which mirrored training takes for devices
ON_TWO = (
    sys.executable,
    "-c",
    "import sys, tensorflow as tf; from keras_ptft.main import main\n"
    "cpu = tf.config.list_physical_devices('CPU')[0]\n"
    "two = [tf.config.LogicalDeviceConfiguration()] * 2\n"
    "tf.config.set_logical_device_configuration(cpu, two)\n"
    "sys.exit(main())",
)
README = pathlib.Path(__file__).parent.parent / "README.md"
# timing decides otherwise, and differs from one process to the next
PLAIN = ("--jit_compile=false", "--image_size=8")
CNN = "--backbone=cnn(filters=[6,8],dense=8,batch_norm=True,dropout=0.3)"


@dataclasses.dataclass(frozen=True)
class Aim:
    """An instant: some seconds after a file shows up or is replaced.

    Attributes:
        files: pattern of the file; empty: the process starts.
        seconds: most seconds to wait then; how many is left to chance.
        until: file after which the instant does not come any more.
    """

    files: str
    seconds: float = 0.0
    until: str = "runs/x/model.keras"


START = Aim("", 4.0)
STEPS = Aim("runs/x/flags.flags", 2.0)
SAVING = Aim("runs/x/checkpoints/.partial-*")
EPOCH = Aim("runs/x/history.csv")
MODEL = Aim("runs/x/.partial-*-*.keras")
FEATURES = Aim("runs/.features/.partial-*")
SCORED = "runs/x/result.json"
SCORES = Aim("runs/x/model.keras", 0.5, SCORED)
SCRATCH = Aim("runs/x/scratch/history.csv", 0.2, SCORED)
SCRATCH_SAVING = Aim("runs/x/scratch/checkpoints/.partial-*", 0.0, SCORED)
ENDED = "saved_models/x/1"
EXPORT = Aim("saved_models/x/.partial-*", 3.0, ENDED)
PUBLISHED = Aim("saved_models/x/1", 0.0, ENDED)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A training that is to be killed.

    Attributes:
        words: its command line.
        aims: instants at which it is killed, in an order it can meet.
        parent: command line of what it is fine-tuned from, or nothing.
        program: what the words are given to.
    """

    words: str
    aims: tuple[Aim, ...]
    parent: str = ""
    program: tuple[str, ...] = PROGRAM


RECIPES = {
    "mlp": Recipe(
        "pretrain --name=x --epochs=20 --checkpoint_every=7 "
        "--backbone=mlp(hidden=[1024,512]) --schedule=cosine",
        (START, STEPS, SAVING, EPOCH, SAVING, MODEL),
    ),
    "cnn": Recipe(
        "pretrain --name=x --epochs=12 --checkpoint_every=37 "
        f"--batch_size=16 --augment=shift(padding=1) {CNN}",
        (STEPS, EPOCH, SAVING, STEPS, SAVING, SCORES),
    ),
    "finetune": Recipe(
        "finetune --name=x --init_from=parent --classes=5-9 --freeze=conv1 "
        "--augment=shift(padding=1) --augment_views=3 --epochs=25 "
        "--batch_size=16 --compare_scratch --export_to=saved_models/x",
        (FEATURES, STEPS, EPOCH, SCRATCH, SCRATCH_SAVING, EXPORT, PUBLISHED),
        parent=f"pretrain --name=parent --classes=0-4 --epochs=1 {CNN}",
    ),
    "text": Recipe(
        f"pretrain --name=x --dataset=text:{README} --epochs=12 "
        "--checkpoint_every=7 --tokenizer=characters(all=True) "
        "--sequence_length=32 --augment=drop_tokens(rate=0.05) "
        '--backbone=rnn(cell="gru",units=24) --objective=next_token',
        (STEPS, EPOCH, SAVING),
    ),
    "mirrored": Recipe(
        "pretrain --name=x --strategy=mirrored --precision=mixed_float16 "
        "--batch_size=16 --gradient_accumulation=2 --learning_rate=0.05 "
        "--epochs=20 --early_stopping_patience=3 --checkpoint_every=1s "
        f"{CNN}",
        (STEPS, SAVING, EPOCH),
        program=ON_TWO,
    ),
}


def undisturbed(recipe: Recipe, place: pathlib.Path) -> None:
    """Runs a recipe in an empty folder without killing it."""
    for words in filter(None, (recipe.parent, recipe.words)):
        finish(start(recipe, words, place))


def killed(
    recipe: Recipe,
    place: pathlib.Path,
    aims: tuple[Aim, ...],
    rng: random.Random,
) -> collections.Counter:
    """Kills a recipe at each aim in turn, then lets it go to its end.

    Args:
        recipe: what is killed.
        place: an empty folder.
        aims: where; one that has passed is left out.
        rng: decides how long after each.

    Returns:
        How many kills fell where.
    """
    falls = collections.Counter()
    if recipe.parent:
        finish(start(recipe, recipe.parent, place))
    for aim in aims:
        if (place / aim.until).exists():
            continue
        before = seen(place, aim)
        process = start(recipe, recipe.words, place)
        if not met(process, place, aim, before):
            break
        time.sleep(rng.uniform(0, aim.seconds))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            break
        falls[where(place, process.pid)] += 1
    finish(start(recipe, recipe.words, place))
    return falls


def start(recipe: Recipe, words: str, place: pathlib.Path) -> subprocess.Popen:
    """Starts the program in a folder; what it prints goes to a file."""
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "log.txt", "ab") as log:
        return subprocess.Popen(
            [*recipe.program, *words.split(), *PLAIN],
            cwd=place,
            stdout=log,
            stderr=log,
        )


def finish(process: subprocess.Popen) -> None:
    """Waits for a good end.

    Raises:
        RuntimeError: the exit code was another than 0.
    """
    if process.wait():
        raise RuntimeError(f"{process.args} ended with {process.returncode}")


def seen(place: pathlib.Path, aim: Aim) -> set:
    """The files that an aim watches, as they are now."""
    found = set()
    for path in place.glob(aim.files) if aim.files else ():
        try:
            found.add((path.name, path.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return found


def met(
    process: subprocess.Popen, place: pathlib.Path, aim: Aim, before: set
) -> bool:
    """Waits for an aim; whether the process did not end before it."""
    while aim.files and not seen(place, aim) - before:
        if process.poll() is not None:
            return False
        time.sleep(0.0002)
    return True


def where(place: pathlib.Path, pid: int) -> str:
    """Where a kill fell, by what the process left."""
    for path in place.rglob(f".partial-*{pid}*"):
        if path.parent.name == "checkpoints":
            return "in a checkpoint write"
        if path.parent.name == ".features":
            return "in the feature pass"
        if "saved_models" in path.parts:
            return "in the export"
        return "in the write of another file"
    run = place / "runs/x"
    latest = max(run.rglob("*"), key=_changed, default=None)
    for name, fall in (
        ("../../saved_models/x/1", "after the export"),
        ("result.json", "before the export"),
        ("scratch", "in the training from scratch"),
        ("model.keras", "in the scoring"),
    ):
        if (run / name).exists():
            return fall
    if latest is None:
        return "before training"
    between = latest.name == "history.csv" or "tensorboard" in latest.parts
    return "between epochs" if between else "in a step"


def _changed(path: pathlib.Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


def clear(place: pathlib.Path) -> None:
    """Removes a folder of runs."""
    shutil.rmtree(place, ignore_errors=True)
