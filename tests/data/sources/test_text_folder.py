import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.text_folder import textfolder
from keras_ptft.errors import UserError


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def every(source):
    found = source.gather(tf.range(len(source), dtype=tf.int64)).numpy()
    return [text.decode() for text in found]


@pytest.fixture
def reviews(tmp_path):
    for split in ("train", "test"):
        for kind in ("neg", "pos"):
            for number in range(3):
                text = f"\ufeff{split} {kind}\r\n猫 {number}"
                write(tmp_path / split / kind / f"{number}.txt", text)
    write(tmp_path / "train" / "urls.txt", "no text of a class")
    write(tmp_path / "train" / "pos" / "notes.md", "no text")
    return tmp_path


def test_train_and_test_inside(reviews):
    dataset = load(f"textfolder:{reviews}", Loading())
    assert dataset.label_names == ("neg", "pos")
    assert set(dataset.splits) == {"train", "test"}
    train = dataset.splits["train"]
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert every(train)[4] == "train pos\r\n猫 1"
    assert train.name_of(4) == str(reviews / "train" / "pos" / "1.txt")
    assert every(dataset.splits["test"])[0] == "test neg\r\n猫 0"
    assert account(dataset).found == sum(1 for _ in reviews.rglob("*.*"))
    assert list(map(str, dataset.left_out)) == [
        "1 in no class folder in train (train/urls.txt)",
        "1 of a format that is not read in train (train/pos/notes.md)",
    ]


def test_one_folder_is_split_by_content(reviews):
    for number in range(40):
        write(reviews / "train" / "pos" / f"more {number}.TXT", str(number))
    splits = load(f"textfolder:{reviews / 'train'}", Loading()).splits
    train, test = splits["train"], splits["test"]
    assert len(train) + len(test) == 46 and 0 < len(test) < 20
    names = {train.name_of(n) for n in range(len(train))}
    names |= {test.name_of(n) for n in range(len(test))}
    assert len(names) == 46


def test_topics_in_train_and_valid(cases):
    path = cases / "split_folders" / "text_train_valid"
    dataset = load(f"textfolder:{path}", Loading())
    assert dataset.label_names == ("neg", "pos")
    files = {
        k: len(list((path / k).rglob("*.txt"))) for k in ("train", "valid")
    }
    assert len(dataset.splits["validation"]) == files["valid"] == 300
    assert account(dataset).found == sum(files.values()) == 800
    assert dataset.drawn == ("test",)


def test_what_cannot_be_used(reviews):
    def refused(path=reviews):
        with pytest.raises(UserError) as caught:
            textfolder(Loading(), str(path))
        return str(caught.value)

    file = reviews / "test" / "pos" / "1.txt"
    file.write_bytes(b"caf\xe9")
    assert f"{file}, line 1: expected text in UTF-8" in refused()
    file.write_bytes(b"")
    assert f"{file} is empty" in refused()
    write(reviews / "test" / "odd" / "a.txt", "a")
    assert "label 'odd', which training lacks" in refused()
    assert "--dataset=textfolder:" in refused(reviews / "none")
    assert refused(reviews / "train" / "pos") == (
        f"{reviews / 'train' / 'pos'} must hold one folder for each class, "
        "got 3 texts and no folder: if it is one class of neg, pos, give "
        f"--dataset=textfolder:{reviews / 'train'}, or sort the texts into "
        "class folders, or "
        "read files of one text a line by --dataset=lines:PATH."
    )
    (reviews / "test" / "odd" / "a.txt").unlink()
    (reviews / "test" / "odd").rmdir()
    for number in range(3):
        (reviews / "train" / "neg" / f"{number}.txt").unlink()
    assert "neg has no texts (.txt): add some or remove it" in refused()
