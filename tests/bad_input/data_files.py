"""Data as people have them, each with one thing wrong."""

import os
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bad_input.broken import picture

_ROWS = 24


def numbers(*heading, labels="xy", sign=","):
    """A table of different numbers and a label behind them."""
    names = heading or ("height", "width", "label")
    rows = [
        [*(f"{n}.{place}" for place in range(1, len(names))), labels[n % 2]]
        for n in range(_ROWS)
    ]
    return "".join(sign.join(row) + "\n" for row in [names, *rows])


PERSONS = "height,width,who,label\n" + "".join(
    f"{n},{n}.5,p{n % 6},{'xy'[n % 2]}\n" for n in range(_ROWS)
)
TEXTS = "".join(
    f'{{"text": "day {n}", "label": "{"xy"[n % 2]}"}}\n' for n in range(_ROWS)
)
PATHS = "file,label\n" + "".join(
    f"pets/{pet}/{n}.png,{pet}\n" for pet in ("cat", "dog") for n in range(4)
)

TABLES = {
    "twice.csv": numbers("a", "b", "a", "label"),
    "labels.csv": numbers("a", "label", "label"),
    "case.csv": numbers("a", "b", "Label"),
    "alone.csv": "label\nx\ny\n",
    "hole.csv": numbers() + "7,7,\n",
    "spaces.csv": numbers() + "7,7,  \n",
    "semicolons.csv": numbers(sign=";") + "7;7\n",
    "decimals.csv": numbers(sign=";").replace(".", ","),
    "thousands.csv": numbers() + '"1,234",7,x\n',
    "missing.csv": numbers() + "7,NA,x\n",
    "persons.csv": PERSONS,
    "person_hole.csv": PERSONS + "7,7,,x\n",
    "one_class.csv": numbers(labels="xx"),
    "same.csv": "a,b,label\n" + "1,2,x\n1,2,y\n" * 12,
    "good.csv": numbers(),
    "other_labels.csv": numbers(labels="xz"),
    "narrow.csv": numbers("height", "label"),
    "near.csv": numbers("heigth", "width", "label"),
    "word.csv": numbers() + "tall,7,x\n",
    "bare.csv": "1,2\n3,4,5\n",
    "good.jsonl": TEXTS,
    "key.jsonl": TEXTS + '{"text": "day"}\n',
    "near.jsonl": TEXTS.replace('"text"', '"texts"'),
    "list.jsonl": "[" + TEXTS,
    "number.jsonl": TEXTS + '{"text": 7, "label": "x"}\n',
    "fraction.jsonl": TEXTS + '{"text": "day", "label": 0.5}\n',
    "null.jsonl": TEXTS + '{"text": "day", "label": null}\n',
    "one_class.jsonl": TEXTS.replace('"y"', '"x"'),
    "twice.tsv": "text\ttext\tlabel\na\tb\tx\n",
    "near.tsv": "txt\tlabel\na\tx\nb\ty\n",
    "commas.tsv": "text,label\na,x\nb,y\n",
    "ragged.tsv": "text\tlabel\na\tx\nb\ty\tz\n",
    "hole.tsv": "text\tlabel\na\tx\nb\t\n",
    "paths.csv": PATHS,
    "absent.csv": PATHS + "pets/cat/40.png,cat\n",
    "absolute.csv": PATHS + "/nowhere/cat.png,cat\n",
    "two_labels.csv": PATHS + "pets/dog/../cat/0.png,dog\n",
    "no_path.csv": PATHS + ",cat\n",
    "all_absent.csv": "file,label\na.png,x\nb.png,y\n",
    "group_in_two/train.csv": PERSONS,
    "group_in_two/test.csv": "height,width,who,label\n90,90,p3,x\n",
    "label_of_test/train.csv": numbers(),
    "label_of_test/test.csv": "height,width,label\n90,90,X\n",
    "column_of_test/train.csv": numbers(),
    "column_of_test/test.csv": "height,wdith,label\n90,90,x\n",
    "two_tests/train.csv": numbers(),
    "two_tests/test.csv": numbers(),
    "two_tests/Testing.csv": numbers(),
    "only_test/test.csv": numbers(),
}


def write_tables(place: pathlib.Path) -> None:
    for name, text in TABLES.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)


def write_parquet(place: pathlib.Path) -> None:
    label = ["xy"[n % 2] for n in range(_ROWS)]
    numbers_there = list(np.arange(_ROWS) / 2)
    image = [{"bytes": picture(seed=n), "path": None} for n in range(_ROWS)]
    tables = {
        "good": {"a": numbers_there, "label": label},
        "images": {"image": image, "label": label},
        "null": {"a": [*numbers_there[1:], None], "label": label},
        "no_label": {"a": numbers_there, "label": [*label[1:], None]},
        "lists": {"a": [[n] for n in numbers_there], "label": label},
        "none": {"a": pa.array([], "f8"), "label": pa.array([], "str")},
        "shards/train-00000-of-00002": {"a": numbers_there, "label": label},
    }
    (place / "shards").mkdir()
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), place / f"{name}.parquet")
    whole = (place / "good.parquet").read_bytes()
    (place / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    damaged = whole[:8] + bytes(40) + whole[48:]
    (place / "damaged.parquet").write_bytes(damaged)
    (place / "empty.parquet").write_bytes(b"")
    (place / "really.csv.parquet").write_text(numbers())


def write_arrays(place: pathlib.Path) -> None:
    x = np.random.default_rng(0).random((_ROWS, 6), np.float32)
    y = np.arange(_ROWS) % 3
    hot = np.eye(3, dtype=np.uint8)[y]
    hot[5] = 0, 1, 1
    medical = {"train_images": x, "train_labels": y[:, None]}
    arrays = {
        "several_hot": {"x": x, "y": hot},
        "two_inputs": {"x": x, "images": x, "y": y},
        "two_labels": {"x": x, "y": y, "Targets": y},
        "no_train_labels": {"train_images": x, "test_labels": y},
        "only_test": {"test_images": x, "test_labels": y},
        "label_of_test": {
            **medical,
            "test_images": x,
            "test_labels": y[:, None] + 1,
        },
        "shape_of_test": {
            **medical,
            "test_images": x[:, :5],
            "test_labels": y[:, None],
        },
        "same": {"x": np.ones_like(x), "y": y},
        "dates": {"x": x, "y": np.array(y, "M8[D]")},
        "nameless": {"x": x, "y": np.where(y, "cat", "")},
        "good": {"x": x, "y": y},
    }
    for name, members in arrays.items():
        np.savez(place / f"{name}.npz", **members)


def write_folders(place: pathlib.Path) -> None:
    for n in range(4):
        for seed, pet in ((0, "cat"), (40, "dog")):
            path = place / "pets" / pet / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(seed=seed + n))
    for splits in ("Train train", "train val valid", "only_test/test"):
        top = place / splits.replace(" ", "_").split("/")[0]
        for split in splits.split("/")[-1].split():
            shutil.copytree(place / "pets", top / split)
    for kind in ("alike", "all_bad", "eel_in_test", "mixed", "deep"):
        shutil.copytree(place / "pets", place / kind / "train")
    shutil.copytree(place / "pets", place / "eel_in_test/test")
    shutil.copytree(place / "pets/dog", place / "eel_in_test/test/eel")
    shutil.copytree(place / "pets/cat", place / "mixed/cat")
    shutil.copytree(place / "deep/train", place / "deep/more/train")
    for kind in ("alike", "all_bad"):
        for path in (place / kind).rglob("*.png"):
            good = kind == "alike"
            path.write_bytes(picture() if good else b"no image")
    shutil.copytree(place / "pets/cat", place / "flat")
    os.symlink(place / "gone", place / "dangling")


MAKERS = write_tables, write_parquet, write_arrays, write_folders
