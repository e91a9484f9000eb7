from collections import Counter

import numpy as np
import pytest

from studyhall.errors import InvalidInput
from workers.trainables.datasets import BUNDLED, DATA_VARIABLE, DataSettings, load_bundled, load_dataset, split_dataset


@pytest.mark.parametrize("name", BUNDLED)
def test_a_split_uses_every_row_once(name):
    data = load_bundled(name)

    split = split_dataset(data, 0)

    parts = [split.train.x, split.validation.x, split.test.x]
    assert sorted(row.tobytes() for part in parts for row in part) == sorted(row.tobytes() for row in data.x)


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "wine", "iris"])
def test_every_part_has_its_share_of_each_class(name):
    data = load_bundled(name)
    split = split_dataset(data, 0)

    for part, share in ((split.train, 0.6), (split.validation, 0.2), (split.test, 0.2)):
        counts, whole = Counter(part.y.tolist()), Counter(data.y.tolist())
        assert all(abs(counts[label] - share * whole[label]) <= 2 for label in whole)


def test_the_same_seed_gives_the_same_split_and_another_seed_another_one():
    data = load_bundled("wine")

    rows = [split_dataset(data, seed).test.x.tobytes() for seed in (0, 0, 1)]

    assert rows[0] == rows[1] != rows[2]


def test_the_content_of_digits_is_what_it_was():
    digits = load_bundled("digits")

    assert digits.x.shape == (1797, 1, 8, 8)
    assert digits.content == "512ad74301219f86b3293242b001b3cb3898ad0cc1697e625450f44dbaba5565"


def csv_settings(tmp_path, monkeypatch, text, **settings):
    (tmp_path / "table.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    return DataSettings(dataset="csv", path="table.csv", **settings)


def test_a_csv_with_text_in_its_last_column_is_a_classification(tmp_path, monkeypatch):
    data = load_dataset(csv_settings(tmp_path, monkeypatch, "size,colour,kind\n1,red,cat\n2,blue,dog\n3,red,dog\n"))

    assert (data.kind, data.classes) == ("classification", ("cat", "dog"))
    assert data.features == ("size", "colour=blue", "colour=red")
    assert data.x.tolist() == [[1, 0, 1], [2, 1, 0], [3, 0, 1]]
    assert data.y.tolist() == [0, 1, 1]


def test_a_csv_with_fractions_as_target_is_a_regression(tmp_path, monkeypatch):
    data = load_dataset(csv_settings(tmp_path, monkeypatch, "price,size\n1.5,1\n2.5,2\n", target="price"))

    assert (data.kind, data.features) == ("regression", ("size",))
    assert data.y.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "settings", "field", "message"),
    [
        ("", {}, "/path", "needs a first line"),
        ("a,a\n1,2\n", {}, "/path", "different column names"),
        ("a,b\n1\n", {}, "/path", "row 2 has 1 cells"),
        ("a,b\n,2\n1,2\n", {}, "/path", "column 'a' has 1 empty cells"),
        ("a,b\n1,2\n", {"target": "c"}, "/target", "no column 'c'; it has a, b"),
        ("a,b\n1,x\n2,y\n", {"goal": "regression"}, "/target", "needs a column of numbers"),
        (b"\xff\xfe\x00", {}, "/path", "UTF-8"),
    ],
)
def test_a_csv_that_cannot_be_used_says_why(tmp_path, monkeypatch, text, settings, field, message):
    with pytest.raises(InvalidInput) as caught:
        load_dataset(csv_settings(tmp_path, monkeypatch, text, **settings))

    assert caught.value.errors[0].pointer == field
    assert message in caught.value.errors[0].message


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "link.csv"])
def test_a_csv_outside_of_the_data_directory_is_refused(tmp_path, monkeypatch, path):
    home = tmp_path / "data"
    home.mkdir()
    (home / "link.csv").symlink_to("/etc/passwd")
    monkeypatch.setenv(DATA_VARIABLE, str(home))

    with pytest.raises(InvalidInput, match="outside of the worker's data directory"):
        load_dataset(DataSettings(dataset="csv", path=path))


def test_an_unknown_data_set_is_named_with_those_that_exist():
    with pytest.raises(InvalidInput, match=r"no data set 'mnist'.*digits.*csv"):
        load_dataset(DataSettings(dataset="mnist"))


def test_too_few_rows_to_split_are_a_clear_error(tmp_path, monkeypatch):
    data = load_dataset(csv_settings(tmp_path, monkeypatch, "a,b\n1,x\n2,y\n"))

    with pytest.raises(InvalidInput, match="cannot be split 60/20/20"):
        split_dataset(data, 0)
