"""What the user can mend: one line, exit code 2, and nothing left behind."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from keras_ptft.main import main


def contents(place):
    """Everything but photos decoded before the mistake was found."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in place.rglob("*")
        if path.suffix != ".photos"
    }


SMALL = "--epochs=1 --name=new --image_size=8 "
PRETRAIN = f"pretrain --backbone=mlp_small {SMALL}"
FINETUNE = f"finetune --classes=5-9 {SMALL}"
# KerasHub is for newer Pythons than the oldest one
HAS_HUB = importlib.util.find_spec("keras_hub") is not None
HUB = "nowhere" if HAS_HUB else r'install "keras_ptft\[hub\]"'
LEAK = "finetune --name=new --image_size=8 --init_from=photos --batch_size=4 "

CASES = [
    # the command line
    ("pretrian", 'Unknown command .*mean "pretrain"'),
    ("--epochs=1", "Expected a command before --epochs=1"),
    ("run", "run needs a recipe"),
    ("run nowhere.flags", "recipe or flagfile nowhere.flags: No such file"),
    ("run empty", "recipe or flagfile empty: Is a directory"),
    ("run binary.flags", "must be text in UTF-8"),
    ("run unknown.flags", 'Unknown setting --epohcs .*mean "epochs"'),
    ("run comment.flags", "comment a line of its own"),
    ("run indented.flags", "comment a line of its own"),
    ("run bare.flags", "bare.flags, got 'epochs=3'"),
    ("run good.flags --epohcs=3", 'Unknown setting --epohcs .*mean "epochs"'),
    ("run good.flags --epochs=1 good.flags", "got 'good.flags'"),
    ("run good.flags late.flags", 'Unknown optimizer .*mean "adam"'),
    ("run good.flags good.flags --seed=-1", "--seed must be from 0 to"),
    ("pretrain word", "Expected keras-ptft pretrain"),
    ("pretrain --flagfile=nowhere", "No such file"),
    ("pretrain --epochs", "--epochs needs a value"),
    ("pretrain --epochs=two", "must be a whole number, got 'two'"),
    ("pretrain --epochs=0", "--epochs must be at least 1"),
    ("pretrain --learning_rate=nan", "--learning_rate must be from 0 to 1000"),
    ("pretrain --deterministic=maybe", "must be true or false, got 'maybe'"),
    ("pretrain --strategy=miror", 'did you mean "mirrored"'),
    ("pretrain --keep_checkpoints=0", "--keep_checkpoints must be at least 1"),
    ("pretrain --checkpoint_every=5m", "seconds as 60s, got '5m'"),
    ("pretrain --checkpoint_every=0", "steps as 500 or .* got '0'"),
    # rows and their settings
    (PRETRAIN + "--dataset=digts", 'Unknown dataset .*mean "digits"'),
    (PRETRAIN + "--dataset=digits(", "Cannot read dataset"),
    (PRETRAIN + "--dataset=folder", "missing a required argument: 'path'"),
    (PRETRAIN + "--backbone=cn", 'Unknown backbone .*mean "cnn"'),
    (PRETRAIN + "--backbone=cnn(dropuot=0.1)", 'mean "dropout".*there are'),
    (PRETRAIN + "--backbone=cnn(dropout=2)", "from 0 to 0.99, got 2"),
    (PRETRAIN + "--optimizer=adm", 'Unknown optimizer .*mean "adam"'),
    (PRETRAIN + "--optimizer=sgd(momentum=2)", "from 0 to 1, got 2"),
    (PRETRAIN + "--schedule=cosin", 'Unknown schedule .*mean "cosine"'),
    (PRETRAIN + "--schedule=cosine(warmup_steps=99)", "below the 20 steps"),
    (PRETRAIN + "--augment=flop", 'Unknown augmentation .*mean "flip"'),
    (PRETRAIN + "--augment=shift(padding=-1)", "'padding' must be at least"),
    (PRETRAIN + "--normalization=fixed(mean=0,std=0)", "'std' .* above 0"),
    (PRETRAIN + "--objective=classify", 'mean "classification"'),
    (PRETRAIN + "--augment=rand_augment(layers=0)", "'layers' must be from 1"),
    (PRETRAIN + "--mix=mixp", 'Unknown mix .*mean "mixup"'),
    (PRETRAIN + "--mix=mixup(alpha=0)", "'alpha' must be from 0.01 to 100"),
    (PRETRAIN + "--resize=cut", "Unknown way to resize 'cut'"),
    (PRETRAIN + "--resize=crop(share=2.0)", "at most 1, got 2.0"),
    (FINETUNE + "--init_from=eficientnet_lite0", 'mean "efficientnet_lite0"'),
    (FINETUNE + "--init_from=applications:VGG61", "did you mean VGG19"),
    (FINETUNE + "--init_from=bert", "weights"),
    (FINETUNE + "--init_from=hub:nowhere", HUB),
    (FINETUNE + "--init_from=parent --probe=lbfg", 'mean "lbfgs"'),
    (FINETUNE + "--init_from=parent --lora=lroa", 'mean "lora"'),
    # settings against each other or against the data
    (PRETRAIN + "--init_from=parent", "belongs to fine-tuning"),
    (PRETRAIN + "--probe=lbfgs", "belongs to fine-tuning"),
    (PRETRAIN + "--unfreeze=0:all", "belongs to fine-tuning"),
    (PRETRAIN + "--lora=lora", "belongs to fine-tuning"),
    (PRETRAIN + "--layer_decay=0.5", "belongs to fine-tuning"),
    (PRETRAIN + "--mix=cutmix --batch_size=1", "needs 2 examples a batch"),
    (
        PRETRAIN + "--class_weight=balanced --sampling=balanced",
        "leave out one of the two",
    ),
    (
        FINETUNE + "--init_from=parent --l2_sp=0.1",
        "--freeze=all trains the head alone",
    ),
    (
        FINETUNE + "--init_from=parent --unfreeze=1:all",
        "epochs that ascend from 0, got 1",
    ),
    (
        FINETUNE + "--init_from=parent --unfreeze=0:all,1:none",
        "the last of --epochs=1 is 0",
    ),
    (
        FINETUNE + "--init_from=parent --probe=lbfgs --augment=flip",
        "--augment_views",
    ),
    (PRETRAIN + "--objective=regression", "learns a number an example"),
    (PRETRAIN + "--label_columns=a,b", "label_columns"),
    (PRETRAIN + "--backbone=cnn", "8×8 pixels shrink below 1 pixel"),
    (PRETRAIN + "--batch_size=5000", "more than the training examples"),
    (PRETRAIN + "--validation_fraction=1e-5", "and 0 to validate"),
    (
        PRETRAIN + "--early_stopping_patience=2 --validation_fraction=0",
        "needs a validation split to watch",
    ),
    (PRETRAIN + "--strategy=mirrored --batch_size=63", "use 62"),
    (PRETRAIN + "--classes=7-12", "no class '7-12'"),
    (PRETRAIN + "--classes=7", "at least two classes"),
    (PRETRAIN + "--train_examples=3", "from 10, one a class, to 1305"),
    (
        PRETRAIN + "--validation_fraction=0 --validation_examples=9",
        "needs a validation split",
    ),
    # run folders and exports
    (PRETRAIN + "--name=a/b", "must name one folder"),
    (PRETRAIN + "--name=..", "must name one folder"),
    (PRETRAIN + "--runs_dir=file", "--runs_dir=file must be a folder"),
    (PRETRAIN + "--export_to=file/x", "--export_to=file/x must be a folder"),
    (PRETRAIN + "--name=mine --overwrite", "it holds model.keras"),
    (
        PRETRAIN + "--name=parent --seed=3",
        r"other settings .*--seed=0 there, 3 now.*--overwrite",
    ),
    # data
    (PRETRAIN + "--dataset=folder:nowhere", "it does not exist: correct"),
    (
        PRETRAIN + "--dataset=folder:one_clas",
        'it does not exist .did you mean "one_class"..: correct the path',
    ),
    (PRETRAIN + "--dataset=one_class", "write --dataset=folder:one_class"),
    (PRETRAIN + "--dataset=text.csv", "write --dataset=csv:text.csv"),
    (PRETRAIN + "--dataset=folder:file", "it is a file"),
    (
        PRETRAIN + "--dataset=folder:empty",
        "one folder for each class, got 0 images",
    ),
    (
        PRETRAIN + "--dataset=folder:one_class",
        "at least two classes, got only 'cat'",
    ),
    (PRETRAIN + "--dataset=folder:empty_class", "eel has no images"),
    (
        PRETRAIN + "--dataset=folder:broken",
        "bad.png, it is no .*--skip_bad",
    ),
    (PRETRAIN + "--dataset=npz:nowhere.npz", "No npz file"),
    (PRETRAIN + "--dataset=npz:half.npz", "is not an npz file"),
    (PRETRAIN + "--dataset=npz:nan.npz", "NaN or infinity at example 0"),
    (PRETRAIN + "--dataset=npz:object.npz", "holds pickled objects"),
    (PRETRAIN + "--dataset=npz:several.npz", "got 2 of 2 at example 0"),
    (PRETRAIN + "--dataset=npz:outside.npz", "from 0 to 1, got 2 at example"),
    (PRETRAIN + "--dataset=npz:uneven.npz", "100 examples and 50 labels"),
    (PRETRAIN + "--dataset=npz:keys.npz", "it holds: a, b"),
    (PRETRAIN + "--dataset=npz:same.npz", "at least two classes"),
    (PRETRAIN + "--dataset=npz:good.npz --augment=flip", "needs images"),
    (PRETRAIN + "--dataset=csv:text.csv", "line 3, column 'a'.*'zwei'"),
    (PRETRAIN + "--dataset=csv:unlabelled.csv", "no column 'label'"),
    (PRETRAIN + "--dataset=tfds:mnst", "no 'mnst' .*mean \"mnist\""),
    # fine-tuning
    ("finetune", "Fine-tuning needs --init_from"),
    (FINETUNE + "--init_from=parnt", 'mean "parent".*runs in runs:'),
    (
        FINETUNE + "--init_from=efficientnet_lite",
        'mean "efficientnet_lite0".*, hub[.]$',
    ),
    (FINETUNE + "--init_from=zzz", ", hub; pretrain one first[.]$"),
    (FINETUNE + "--init_from=unfinished", "is not complete"),
    (FINETUNE + "--init_from=half.keras", "File is not a zip file"),
    (FINETUNE + "--init_from=text.keras", "Cannot read the model text.keras"),
    (FINETUNE + "--init_from=lambda.keras", "Lambda"),
    (FINETUNE + "--init_from=maps.keras", r"shape \(batch, width\)"),
    (FINETUNE + "--init_from=two.keras", "2 input.s. .* several must be named"),
    (FINETUNE + "--init_from=vector.keras", "takes float32 inputs of shape"),
    (FINETUNE + "--init_from=parent --image_size=28", "set --image_size=8"),
    (FINETUNE + "--init_from=parent --freeze=denze1", 'mean "dense1"'),
    (FINETUNE + "--init_from=parent --backbone=mlp", "Only 0.0%"),
    (LEAK + "--dataset=folder:leak", "1 of 17 training examples are also"),
    # what is done with a run
    ("evaluate", "Expected keras-ptft evaluate RUN"),
    ("evaluate nowhere", "nowhere is not a run folder"),
    ("evaluate runs/unfinished", "is not complete"),
    ("evaluate runs/parent --classes=5-9", "has label '5', which training la"),
    ("export runs/unfinished", "is not complete"),
    ("export runs/parent --export_to=file", "--export_to=file must be a fol"),
    ("predict runs/parent", "Expected keras-ptft predict MODEL INPUT"),
    ("predict nowhere bad.png", "No model in nowhere"),
    ("predict runs/unfinished bad.png", "is not complete"),
    ("predict runs/parent nowhere.png", "No such input"),
    ("predict runs/parent file", "Cannot read file"),
    ("predict runs/parent bad.png", "Cannot decode bad.png"),
    ("predict runs/parent empty", "No images in empty"),
    ("predict runs/parent wide.npy", r"\(8, 8, 1\) .* wide.npy"),
    ("predict lambda.keras bad.png", "Lambda"),
    ("describe cnn mlp", "ask for one at a time"),
    ("describe cnm", "Nothing is called 'cnm' .*mean \"cnn\""),
]


@pytest.mark.parametrize("words, told", CASES, ids=[c[0] for c in CASES])
def test_bad_input(place, capsys, words, told):
    before = contents(place)
    code = main(words.split())
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1), error
    assert error.startswith("keras-ptft: ")
    assert re.search(told, error), error
    assert contents(place) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "words, told",
    [
        ("--deterministic --jit_compile=true", "--jit_compile=true is imposs"),
        ("--dataset=mnist --data_dir=tf", "put t10k-images-idx3-ubyte.gz, "),
    ],
)
def test_bad_input_of_a_process(place, words, told):
    # the one changes the whole process, the other asks for a network
    closed = "http://127.0.0.1:9"
    nowhere = {"http_proxy": closed, "https_proxy": closed}
    before = contents(place)
    done = subprocess.run(
        [sys.executable, "-m", "keras_ptft", *(PRETRAIN + words).split()],
        capture_output=True,
        env={**os.environ, **nowhere},
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("keras-ptft: ")
    assert told in done.stderr
    assert contents(place) == before


def test_overwrite_keeps_the_old_run_until_the_new_one_can_train(place):
    before = contents(place)
    words = [*PRETRAIN.split(), "--name=parent", "--overwrite"]
    assert main([*words, "--optimizer=adm"]) == 2
    assert main([*words, "--dataset=folder:broken"]) == 2
    assert contents(place) == before


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_skipped_images_are_counted(caplog):
    words = "--image_size=8 --batch_size=4 --skip_bad_images --name=skipped"
    words += " --dataset=folder:broken --validation_fraction=0"
    assert main([*PRETRAIN.split(), *words.split()]) == 0
    left = "left out: 1 that cannot be decoded (dog/bad.png)"
    assert left in caplog.text


@pytest.mark.parametrize(
    "action, told",
    [
        ("drop", "dropped from training"),
        pytest.param("warn", "left in", marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("place")
def test_leaks_can_be_dropped_or_left(caplog, action, told):
    words = f"--dataset=folder:leak --on_leak={action} --name={action}"
    words += " --epochs=1 --validation_fraction=0"
    assert main([*LEAK.split(), *words.split()]) == 0
    assert f"also in the test split: {told}" in caplog.text
