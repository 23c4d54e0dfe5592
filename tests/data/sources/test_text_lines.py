import os

import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.text_lines import lines, text
from keras_ptft.errors import UserError

ALL = 1e-9


def every(source):
    found = source.gather(tf.range(len(source), dtype=tf.int64)).numpy()
    return [each.decode() for each in found]


def test_one_example_a_line(tmp_path):
    (tmp_path / "a, b.txt").write_bytes("\ufeff一 \r\n \r\n\nb\n".encode())
    (tmp_path / "c.txt").write_bytes(b"c\n\td\n\ne\xcc\x81")
    train = lines(Loading(), f"{tmp_path}/c.txt", test_fraction=ALL)
    assert every(train.splits["train"]) == ["c", "\td", "e\u0301"]
    # a comma in a name is part of it where there is such a file
    one = lines(Loading(), f"{tmp_path}/a, b.txt", test_fraction=ALL)
    assert every(one.splits["train"]) == ["一 ", "b"]
    assert one.label_names == () and not one.splits["train"].contiguous
    (tmp_path / "b.txt").write_text("last\n")
    both = lines(
        Loading(), f"{tmp_path}/c.txt, {tmp_path}/b.txt", test_fraction=ALL
    )
    assert [part.first for part in both.left_out] == [
        (f"{tmp_path}/c.txt, line 3",)
    ]
    train = both.splits["train"]
    assert every(train) == ["c", "\td", "e\u0301", "last"]
    assert train.name_of(2) == f"{tmp_path}/c.txt, line 4"
    assert train.name_of(3) == f"{tmp_path}/b.txt, line 1"


def test_lines_of_shakespeare(shared_data):
    file = shared_data / "tiny_shakespeare" / "input.txt"
    dataset = load(f"lines:{file}", Loading())
    accounted = account(dataset)
    content = file.read_text().split("\n")
    # the last line ends in a line feed
    assert accounted.found == len(content) - 1 == 40_000
    numbers = [n for n, line in enumerate(content, 1) if not line.strip()]
    (blank,) = accounted.left_out
    assert (blank.reason, blank.count) == ("without content", len(numbers) - 1)
    assert blank.first == tuple(f"{file}, line {n}" for n in numbers[:3])
    train, test = dataset.splits["train"], dataset.splits["test"]
    expected = [line for line in file.read_text().split("\n") if line.strip()]
    assert len(train) + len(test) == len(expected) == 32777
    assert 0.09 < len(test) / 32777 < 0.11
    places = tf.constant([5, 20_000], tf.int64)
    found = train.source.gather(places).numpy().tolist()
    assert found == [expected[5].encode(), expected[20_000].encode()]


def test_one_long_text_is_split_by_position(shared_data):
    file = shared_data / "tiny_shakespeare" / "input.txt"
    whole = file.read_text()
    dataset = load(f"text:{file}", Loading())
    assert dataset.label_names == ()
    assert list(dataset.splits) == ["train", "validation", "test"]
    parts = ["".join(every(part)) for part in dataset.splits.values()]
    assert "".join(parts) == whole
    assert all(part.endswith("\n") for part in parts)
    for part, share in zip(parts, (0.8, 0.1, 0.1), strict=True):
        assert abs(len(part) - share * len(whole)) < 100
    for source in dataset.splits.values():
        assert source.contiguous
        assert 3500 < len("".join(every(source))) / len(source) <= 4096


def test_the_first_nine_tenths_and_the_last(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"{n:03}\n" for n in range(100)))
    path = str(tmp_path / "a.txt")
    splits = text(Loading(), path, train_fraction=0.9, block_size=64).splits
    assert list(splits) == ["train", "test"]
    assert "".join(every(splits["train"])).split()[-1] == "089"
    assert "".join(every(splits["test"])).split() == [
        f"{n:03}" for n in range(90, 100)
    ]
    assert splits["test"].name_of(0) == f"{path}, line 91"


def test_a_split_may_begin_in_another_file(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"\ufeff{name}{name}\n" * 20)
    paths = ",".join(str(tmp_path / f"{name}.txt") for name in "abc")
    splits = text(
        Loading(),
        paths,
        train_fraction=1 / 2,
        test_fraction=1 / 3,
        block_size=64,
    ).splits
    joined = {k: "".join(every(part)) for k, part in splits.items()}
    assert joined["test"].replace("\ufeff", "") == "cc\n" * 20
    whole = "".join(joined.values()).replace("\ufeff", "")
    assert whole == "aa\n" * 20 + "bb\n" * 20 + "cc\n" * 20
    assert joined["train"].replace("\ufeff", "").count("b") == 20


def test_one_line_of_any_length_is_cut(tmp_path):
    content = "北京" * 5000 + " and so on" * 50
    (tmp_path / "a.txt").write_text(content)
    splits = text(Loading(), str(tmp_path / "a.txt"), block_size=100).splits
    assert "".join(t for s in splits.values() for t in every(s)) == content


def test_what_cannot_be_used(tmp_path):
    def refused(row, path, **settings):
        with pytest.raises(UserError) as caught:
            row(Loading(), str(path), **settings)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    for row in (lines, text):
        assert "Cannot read" in refused(row, tmp_path / "none.txt")
        assert "it is a folder" in refused(row, tmp_path)
        os.mkfifo(tmp_path / row.__name__)
        assert "it is a pipe" in refused(row, tmp_path / row.__name__)
        (tmp_path / "a.txt").write_bytes(b"")
        assert "is empty" in refused(row, tmp_path / "a.txt")
        (tmp_path / "a.txt").write_bytes(b"a\n" * 5000 + b"\xe9\n")
        assert "a.txt, line 5001: expected" in refused(row, tmp_path / "a.txt")
        (tmp_path / "a.txt").write_bytes(b"a\n\0\n")
        assert "line 2: expected text" in refused(row, tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"\n \n")
    assert "only blank lines" in refused(lines, tmp_path / "a.txt")
    message = "add up to 1 at most, got 0.95 and 0.1"
    assert message in refused(text, tmp_path / "a.txt", train_fraction=0.95)
    message = "'block_size' must be at least 64"
    assert message in refused(text, tmp_path / "a.txt", block_size=9)


def test_settings_of_tables_and_files_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a\nb\n")
    for row in (lines, text):
        for name in ("group_column", "group_pattern", "image_column"):
            message = f"^--{name}=x is not for --dataset={row.__name__}, which"
            with pytest.raises(UserError, match=message):
                row(Loading(**{name: "x"}), str(tmp_path / "a.txt"))
