"""`python -m fastloss evaluate`: the losses of files, and errors that name file, row and rule."""

import importlib.metadata
import io
import json
import math
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fastloss as fl
from fastloss.__main__ import main
from fastloss._command import evaluate as _command
from fastloss._streaming import evaluate as _evaluate
from fastloss._streaming import files as _files

N, C = 1000, 7
RNG = np.random.default_rng(11)
LOGITS = RNG.standard_normal((N, C)).astype(np.float32)
LABELS = RNG.integers(0, C, N)
WEIGHTS = RNG.random(N)
ASKED = ["--loss", "cross_entropy", "--metric", "accuracy", "--metric", "top_k_accuracy:k=[1,5]"]
NAMES = ["cross_entropy", "accuracy", "top_k_accuracy:k=[1,5]"]
SMALL = ["--batch-size", "64"]


def expected(pred=LOGITS, target=LABELS, names=NAMES, **options):
    found = fl.evaluate(pred, target, names, batch_size=64, **options)
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A directory with the arrays, where the test then is."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", LOGITS)
    np.save("y.npy", LABELS)
    np.save("w.npy", WEIGHTS)
    return tmp_path


def run(capsys, *arguments):
    """The results as JSON has them."""
    status = main(["evaluate", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    return json.loads(out)


def refused(capsys, *arguments):
    """The one line of an error."""
    status = main(["evaluate", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert status == 2 and out == "" and err.count("\n") == 1 and err.startswith("fastloss evaluate: "), err
    return err.removeprefix("fastloss evaluate: ").rstrip("\n")


def test_results_are_those_of_evaluate(files, capsys):
    found = run(capsys, "x.npy", "y.npy", *ASKED, *SMALL)
    assert found["results"] == expected() and list(found["results"]) == NAMES
    assert found["rows"] == N and found["count"] == dict.fromkeys(NAMES, N)
    assert found["bytes"] == LOGITS.nbytes + LABELS.nbytes and found["seconds"] > 0
    weighted = run(capsys, "x.npy", "y.npy", *ASKED, *SMALL, "--weights", "w.npy", "--threads", 2)
    assert weighted["results"] == expected(sample_weight=WEIGHTS)


def test_for_people_one_line_each(files, capsys):
    assert main(["evaluate", "x.npy", "y.npy", *ASKED, *SMALL]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    *results, last = out.splitlines()
    lines = dict(re.split(r"\s{2,}", line) for line in results)
    assert lines.keys() == expected().keys()
    for name, value in expected().items():
        numbers = [float(each) for each in lines[name].split()]
        np.testing.assert_allclose(numbers, np.atleast_1d(value), rtol=5e-5)
        assert all(len(each.strip("-0.").replace(".", "")) <= 5 for each in lines[name].split())
    assert re.fullmatch(r"1,000 rows in \d+\.\d\d s, \d+\.\d\d GB/s", last)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f4", "i4", "u1"])
def test_dtypes(files, capsys, dtype):
    scores = (np.abs(LOGITS) * 20).astype(dtype)
    np.save("x.npy", scores)
    assert run(capsys, "x.npy", "y.npy", *ASKED, *SMALL)["results"] == expected(scores)


@pytest.mark.parametrize("dtype", ["i1", "u2", ">i4", "?"])
def test_dtypes_of_labels(files, capsys, dtype):
    labels = LABELS.astype(dtype)
    np.save("y.npy", labels)
    assert run(capsys, "x.npy", "y.npy", *ASKED, *SMALL)["results"] == expected(target=labels)


def test_bfloat16(files, capsys, monkeypatch):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is optional")
    scores = LOGITS.astype(ml_dtypes.bfloat16)
    np.save("x.npy", scores)
    assert run(capsys, "x.npy", "y.npy", *ASKED, *SMALL)["results"] == expected(scores)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert "x.npy: the array has dtype V2" in refused(capsys, "x.npy", "y.npy", *ASKED)


def test_soft_targets_and_elements(files, capsys):
    shares = RNG.dirichlet(np.ones(C), N).astype(np.float32)
    np.save("t.npy", shares)
    found = run(capsys, "x.npy", "t.npy", "--loss", "cross_entropy", "--loss", "brier", *SMALL)
    assert found["results"] == expected(target=shares, names=["cross_entropy", "brier"])
    found = run(capsys, "x.npy", "t.npy", "--loss", "mse", *SMALL)
    assert found["results"] == expected(target=shares, names=["mse"])
    np.save("r.npy", WEIGHTS + 1)
    found = run(capsys, "w.npy", "r.npy", "--loss", "quantile:q=0.9", *SMALL)
    assert found["results"] == expected(WEIGHTS, WEIGHTS + 1, ["quantile:q=0.9"])
    images = LOGITS.reshape(50, 5, 4, C)
    np.save("x.npy", images)
    np.save("y.npy", LABELS[:1000].reshape(50, 20, C - 6)[:, :, 0].reshape(50, 5, 4) % 5 % 4)
    found = run(capsys, "x.npy", "y.npy", "--loss", "cross_entropy", "--batch-size", 7)["results"]
    assert found["cross_entropy"] == pytest.approx(fl.cross_entropy(images, np.load("y.npy")), rel=1e-13)


def test_entropy_needs_no_labels(files, capsys):
    found = run(capsys, "x.npy", "--metric", "entropy", *SMALL)
    assert found["results"] == expected(target=None, names=["entropy"])


# ---- containers ----------------------------------------------------------------------------------------


def test_npz(files, capsys):
    np.savez("stored.npz", x=LOGITS, y=LABELS)
    np.savez_compressed("small.npz", x=LOGITS, y=LABELS)
    np.savez("alone.npz", LABELS)
    with zipfile.ZipFile("extra.npz", "w", zipfile.ZIP_STORED) as archive:  # another entry before
        archive.writestr("some text that is no array.txt", "hello")
        archive.write("x.npy")
        archive.write("y.npy")
    for name in ("stored", "small", "extra"):
        found = run(capsys, f"{name}.npz:x", f"{name}.npz:y", *ASKED, *SMALL)
        assert found["results"] == expected()
    assert run(capsys, "x.npy", "alone.npz", *ASKED, *SMALL)["results"] == expected()
    refusal = refused(capsys, "stored.npz", "y.npy", *ASKED)
    assert "holds 2 arrays (x, y): name one, as stored.npz:x" in refusal
    assert "holds no array 'z', but x, y" in refused(capsys, "stored.npz:z", "y.npy", *ASKED)


def test_shards_are_in_natural_order_and_pair_up_by_rows(files, capsys):
    for i, span in ((2, slice(0, 1)), (10, slice(1, 600)), (11, slice(600, 600)), (100, slice(600, N))):
        np.save(f"x-{i}.npy", LOGITS[span])
    for i, span in ((9, slice(0, 333)), (10, slice(333, N))):
        np.save(f"y-{i}.npy", LABELS[span])
    assert run(capsys, "x-*.npy", "y-*.npy", *ASKED, *SMALL)["results"] == expected()
    np.save("x-100.npy", LOGITS[600:].astype(np.float64))  # one dtype for all: that which holds each
    assert run(capsys, "x-*.npy", "y-*.npy", *ASKED, *SMALL)["results"] == expected(
        [LOGITS[:600], LOGITS[600:].astype(np.float64)]
    )
    np.save("x-100.npy", LOGITS[600:].astype(">f4"))
    assert run(capsys, "x-*.npy", "y-*.npy", *ASKED, *SMALL)["results"] == expected()
    np.save("[1].npy", LABELS)  # a name, not a pattern
    assert run(capsys, "x-*.npy", "[1].npy", *ASKED, *SMALL)["results"] == expected()


def test_parquet(files, capsys):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is optional")
    import pyarrow.parquet as pq

    flat = pa.array(LOGITS.ravel())
    lists = {
        "logits": pa.FixedSizeListArray.from_arrays(flat, C),
        "ragged": pa.ListArray.from_arrays(np.arange(0, N * C + 1, C, np.int32), flat),
        "label": LABELS,
    }
    pq.write_table(pa.table(lists), "lists.parquet", row_group_size=300)
    pq.write_table(pa.table({f"c{i}": LOGITS[:, i] for i in range(C)}), "columns.parquet", row_group_size=170)
    for i, span in enumerate((slice(0, 450), slice(450, N))):
        pq.write_table(pa.table({"y": LABELS[span].astype(np.int16)}), f"y-{i}.parquet")
    for x, y in (
        ("lists.parquet:logits", "lists.parquet:label"),
        ("lists.parquet:ragged", "y.npy"),
        ("columns.parquet", "y-*.parquet"),
    ):
        assert run(capsys, x, y, *ASKED, *SMALL)["results"] == expected()
    some = run(capsys, "columns.parquet:c0,c2,c6", "y.npy", "--metric", "entropy", *SMALL)
    assert some["results"] == expected(LOGITS[:, [0, 2, 6]], None, ["entropy"])

    assert "no column 'z'" in refused(capsys, "lists.parquet:z", "y.npy", *ASKED)
    refusal = refused(capsys, "lists.parquet", "y.npy", *ASKED)
    assert "one holds lists: name it, as lists.parquet:logits" in refusal
    broken = [None if i == 701 else row.tolist() for i, row in enumerate(LOGITS)]
    pq.write_table(pa.table({"x": pa.array(broken)}), "null.parquet", row_group_size=100)
    assert refused(capsys, "null.parquet", "y.npy", *ASKED, *SMALL) == "null.parquet: row 701: x is null"
    broken[701] = [1.0, None, *[0.0] * (C - 2)]
    pq.write_table(pa.table({"x": pa.array(broken)}), "hole.parquet")
    assert refused(capsys, "hole.parquet", "y.npy", *ASKED, *SMALL) == "hole.parquet: row 701: x holds a null"
    broken[701] = [1.0]
    pq.write_table(pa.table({"x": pa.array(broken)}), "short.parquet")
    assert "short.parquet: row 701: x has another length than the first row, 7" == refused(
        capsys, "short.parquet", "y.npy", *ASKED, *SMALL
    )
    pq.write_table(pa.table({"x": ["a"] * N}), "text.parquet")
    assert "column x has type string" in refused(capsys, "x.npy", "text.parquet", *ASKED)
    Path("no.parquet").write_bytes(b"no such thing")
    assert refused(capsys, "no.parquet", "y.npy", *ASKED).startswith("no.parquet: ")


def test_an_index_of_pandas_is_no_class(files, capsys):
    pytest.importorskip("pyarrow.parquet", reason="pyarrow is optional")
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    frame = pandas.DataFrame(LOGITS, columns=list("abcdefg"), index=np.arange(N)[::-1])
    frame.to_parquet("frame.parquet")
    of_frame, of_array = (run(capsys, x, "y.npy", *ASKED)["results"] for x in ("frame.parquet", "x.npy"))
    assert of_frame == of_array
    frame[[]].to_parquet("empty.parquet")
    assert "no column but the index" in refused(capsys, "empty.parquet", "y.npy", *ASKED)


def test_a_damaged_parquet_file_is_named(files, capsys):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is optional")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({f"c{i}": LOGITS[:, i] for i in range(C)}), "damaged.parquet")
    with open("damaged.parquet", "r+b") as file:
        file.seek(4)
        file.write(b"\xff" * 60)
    refusal = refused(capsys, "damaged.parquet", "y.npy", *ASKED)
    assert refusal.startswith("damaged.parquet: row 0 or after it: ")
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(LOGITS.reshape(N, 1, C)))
    pq.write_table(pa.table({"x": tensors}), "tensors.parquet")
    refusal = refused(capsys, "tensors.parquet", "y.npy", *ASKED)
    assert refusal.startswith("tensors.parquet: column x has type")


def test_parquet_without_pyarrow(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    Path("x.parquet").touch()
    assert 'pip install pyarrow, or ".[evaluate]" in a clone' in refused(capsys, "x.parquet", "y.npy", *ASKED)


# ---- errors --------------------------------------------------------------------------------------------


def test_a_bad_label_is_named_by_file_row_and_rule(files, capsys):
    bad = LABELS.copy()
    bad[777] = C
    np.save("bad.npy", bad)
    message = f"target[777] = {C} is out of range for {C} classes"
    assert refused(capsys, "x.npy", "bad.npy", *ASKED, "--batch-size", 300) == f"bad.npy: row 777: {message}"
    np.save("y-1.npy", bad[:700])
    np.save("y-2.npy", bad[700:])
    found = refused(capsys, "x.npy", "y-*.npy", *ASKED, "--batch-size", 300)
    assert found == f"y-2.npy: row 77 (row 777 of all): {message}"
    np.save("w.npy", np.where(np.arange(N) == 444, -1, WEIGHTS))
    found = refused(capsys, "x.npy", "y.npy", *ASKED, *SMALL, "--weights", "w.npy")
    assert found == "w.npy: row 444: sample_weight[444] = -1.0 must be finite and >= 0"


def save_cut(name, array, missing):
    np.save(name, array)
    os.truncate(name, os.path.getsize(name) - missing)


def test_files_that_cannot_be_read(files, capsys):
    def of(logits, labels="y.npy"):
        return refused(capsys, logits, labels, *ASKED, *SMALL)

    np.save("f.npy", np.asfortranarray(LOGITS))
    assert "f.npy: the array is in Fortran order" in of("f.npy")
    save_cut("cut.npy", LOGITS, 1)
    assert "cut.npy: it is cut short: its header promises 28000 bytes, 27999 are there" in of("cut.npy")
    Path("empty.npy").touch()
    assert of("empty.npy").startswith("empty.npy: ")
    Path("text.npy").write_text("these are no numbers")
    assert of("text.npy").startswith("text.npy: the magic string is not correct")
    Path("text.npz").write_text("these are no numbers")
    assert of("text.npz").startswith("text.npz: File is not a zip file")
    np.save("o.npy", np.array([1, "a"], object), allow_pickle=True)
    assert of("x.npy", "o.npy") == "o.npy: the array has dtype object: it must hold numbers"
    assert of("none-*.npy") == "none-*.npy: no such file"
    Path("x.csv").touch()
    assert of("x.csv") == "x.csv: .csv is not read: it must be .npy, .npz or .parquet"
    np.save("narrow-1.npy", LOGITS)
    np.save("narrow-2.npy", LOGITS[:, :3])
    assert of("narrow-*.npy") == (
        "narrow-2.npy has rows of shape (3,), those before it have (7,): they must be the same in all parts"
    )
    np.save("few.npy", LABELS[:10])
    assert of("x.npy", "few.npy").startswith("x.npy, few.npy: target has 10 rows, pred has 1000")
    np.save("float.npy", LABELS + 0.5)
    assert re.match(r"float.npy: row 0: target\[0\] = \d.5 is no label", of("x.npy", "float.npy"))
    np.savez_compressed("rotten.npz", LOGITS)
    content = bytearray(Path("rotten.npz").read_bytes())
    content[len(content) // 2] ^= 255
    Path("rotten.npz").write_bytes(content)
    assert re.match(r"rotten.npz: row \d+ or soon after it: ", of("rotten.npz"))
    os.mkdir("folder.npy")
    assert "folder.npy" in of("folder.npy")


def test_an_archive_that_is_damaged_anywhere(files, capsys):
    np.savez_compressed("s.npz", LABELS[:20])
    content = Path("s.npz").read_bytes()
    for at in range(len(content)):
        Path("bad.npz").write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
        assert main(["evaluate", "bad.npz", "--metric", "entropy"]) in (0, 2), at  # no traceback
        assert capsys.readouterr().err.count("\n") <= 1, at
    encrypted = bytearray(content)
    encrypted[6] |= 1
    encrypted[content.index(b"PK\1\2") + 8] |= 1
    Path("secret.npz").write_bytes(encrypted)
    assert refused(capsys, "x.npy", "secret.npz", *ASKED).startswith("secret.npz: ")
    for at, method in ((8, 99), (30, 0)):  # a method nobody knows, and a name that is another
        odd = bytearray(content)
        odd[at] = odd[content.index(b"PK\1\2") + at + 2] = method
        Path("odd.npz").write_bytes(odd)
        assert refused(capsys, "x.npy", "odd.npz", *ASKED).startswith("odd.npz: ")


def test_no_file_is_left_open(files, capsys):
    """Not even while an error is looked at."""
    np.savez_compressed("x.npz", LOGITS)
    content = bytearray(Path("x.npz").read_bytes())
    content[len(content) // 2] ^= 255
    Path("x.npz").write_bytes(content)
    shards = _files.open_files("pred", "x.npz")
    try:
        with pytest.raises(ValueError, match="soon after it") as caught:
            shards.read(0, N)
    finally:
        shards.close()
    left = (
        [
            os.readlink(f"/proc/self/fd/{n}")
            for n in os.listdir("/proc/self/fd")
            if n.isdigit() and os.path.exists(f"/proc/self/fd/{n}")
        ]
        if sys.platform == "linux"
        else []
    )
    assert not [path for path in left if path.endswith("x.npz")], caught


def test_a_damaged_number_in_a_stored_archive_is_found(files, capsys):
    np.savez("s.npz", LOGITS)
    content = bytearray(Path("s.npz").read_bytes())
    content[content.index(LOGITS.tobytes()[:64]) + 4 * C * 500] ^= 1
    Path("s.npz").write_bytes(content)
    assert "s.npz: " in refused(capsys, "s.npz", "y.npy", *ASKED, *SMALL)
    np.savez("empty.npz", LOGITS[:0])
    np.save("none.npy", LABELS[:0])
    assert main(["evaluate", "empty.npz", "none.npy", *ASKED]) == 0


def test_a_key_names_nothing_in_a_npy(files, capsys):
    assert refused(capsys, "x.npy:foo", "y.npy", *ASKED) == (
        "x.npy: a .npy holds one array, ':foo' names none"
    )


@pytest.mark.parametrize(
    "asked, words",
    [
        (["x.npy", "--loss", "cross_entropy"], "cross_entropy needs LABELS"),
        (["x.npy", "--metric", "entropy", "--metric", "accuracy"], "accuracy needs LABELS"),
        (["x.npy", "--loss", "mse"], "mse needs LABELS"),
        (["x.npy", "x.npy", "--loss", "gaussian_nll"], "gaussian_nll needs var"),
        (["x.npy", "x.npy", "--loss", "cosine_embedding"], "cosine_embedding needs y"),
    ],
)
def test_what_is_missing_is_named(files, capsys, asked, words):
    assert words in refused(capsys, *asked)


def test_what_is_no_number_is_a_word_in_json(files, capsys):
    np.save("x.npy", np.where(LOGITS == LOGITS[3, 3], np.nan, LOGITS))
    main(["evaluate", "x.npy", "y.npy", "--loss", "cross_entropy", "--json"])

    def no_such_number(word):
        raise AssertionError(word)

    found = json.loads(capsys.readouterr().out, parse_constant=no_such_number)
    assert found["results"] == {"cross_entropy": "nan"}


def test_weights_that_overflow(files, capsys):
    np.save("w.npy", np.full(N, 1e308))
    said = refused(capsys, "x.npy", "y.npy", "--metric", "accuracy", "--weights", "w.npy")
    assert "the weights sum to inf: a stream of batches keeps their sum" in said


def test_one_loss_with_two_settings(files, capsys):
    asked = ["--loss", "focal", "--loss", "focal:gamma=1", "--metric", "accuracy"]
    found = run(capsys, "x.npy", "y.npy", *asked)["results"]
    assert list(found) == ["focal", "focal:gamma=1", "accuracy"]
    assert found["focal:gamma=1"] == pytest.approx(fl.focal(LOGITS, LABELS, gamma=1.0), rel=1e-12)
    assert found["focal"] == pytest.approx(fl.focal(LOGITS, LABELS), rel=1e-12)


@pytest.mark.parametrize(
    "asked, words",
    [
        ([], "nothing to evaluate"),
        (["--loss", "accuracy"], "--loss accuracy: it is a metric: --metric accuracy"),
        (["--metric", "mse"], "--metric mse: it is a loss: --loss mse"),
        (["--loss", "crossentropy"], "did you mean cross_entropy"),
        (["--loss", "cross_entropy:gamma=2"], "cross_entropy takes no gamma"),
        (["--loss", "focal:gamma=-2"], "gamma = -2 must be >= 0"),
        (["--loss", "mse", "--loss", "mse"], "mse is asked for twice"),
        (["--loss", "cross_entropy", "--batch-size", "0"], "--batch-size 0 must be >= 1"),
        (["--loss", "cross_entropy", "--threads", "0"], "--threads 0 must be >= 1"),
    ],
)
def test_requests_that_mean_nothing(files, capsys, asked, words):
    said = refused(capsys, "x.npy", "y.npy", *asked)
    assert words in said and "mapping" not in said  # which a command line cannot give


def test_no_row_counts(files, capsys):
    np.save("y.npy", np.full(N, -100))
    assert main(["evaluate", "x.npy", "y.npy", "--loss", "cross_entropy", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["results"] == {"cross_entropy": "nan"}
    assert err.startswith("fastloss evaluate: warning: mean of nothing") and err.count("\n") == 1


def test_a_part_without_rows_between_others(files, capsys):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is optional")
    pq = pytest.importorskip("pyarrow.parquet")
    for i, part in enumerate((LOGITS[:400], LOGITS[:0], LOGITS[400:])):
        pq.write_table(pa.table({"scores": part.tolist()}), f"part-{i}.parquet")
    pq.write_table(pa.table({"scores": pa.nulls(0)}), "part-3.parquet")
    found = run(capsys, "part-*.parquet", "y.npy", *ASKED, *SMALL)
    assert found["results"] == expected(LOGITS.astype("f8"))
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        fl.evaluate(LOGITS[:0], LABELS[:0], "cross_entropy")
    pq.write_table(pa.table({"label": pa.array([], pa.int64())}), "none.parquet")
    assert "none.parquet: target has 0 rows" in refused(capsys, "x.npy", "none.parquet", *ASKED)


def test_columns_with_colons_and_commas(files, capsys):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is optional")
    pq = pytest.importorskip("pyarrow.parquet")
    names = ["a:b", "a,c", 'd"e', *"fghi"]
    columns = {name: LOGITS[:, i] for i, name in enumerate(names)} | {"model:v1,best": LABELS}
    pq.write_table(pa.table(columns), "odd.parquet")
    asked = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    found = run(capsys, f"odd.parquet:{asked}", "odd.parquet:model:v1,best", *ASKED, *SMALL)
    assert found["results"] == expected()
    one = run(capsys, "odd.parquet:a:b", "odd.parquet:a,c", "--loss", "mse")
    assert one["results"]["mse"] == pytest.approx(fl.mse(LOGITS[:, 0], LOGITS[:, 1]), rel=1e-6)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_pipe(files):
    command = f"{sys.executable} -m fastloss evaluate"
    asked, one = " ".join(map(repr, [*ASKED, *SMALL])), "--loss cross_entropy"
    shell = (
        f"cat x.npy | {command} - y.npy {asked} --json; mkfifo pipe; "
        f"cat y.npy > pipe & {command} x.npy pipe {one} --json; "
        f"head -c 20000 x.npy | {command} - y.npy {one}"
    )
    done = subprocess.run(
        ["sh", "-c", shell],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(fl.__file__).parents[1])},
    )
    first, second = done.stdout.splitlines()
    assert json.loads(first)["results"] == expected()
    assert json.loads(second)["results"]["cross_entropy"] == pytest.approx(fl.cross_entropy(LOGITS, LABELS))
    assert re.search(r"/dev/stdin: row \d+ or soon after it: the file ends", done.stderr)
    shell = f"{command} - y.npy {one} --json < x.npy; {command} - - {one} < x.npy; {command} --list | head -1"
    done = subprocess.run(
        ["sh", "-c", shell],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(fl.__file__).parents[1])},
    )
    assert json.loads(done.stdout.splitlines()[0])["results"]["cross_entropy"] == fl.evaluate(
        LOGITS, LABELS, "cross_entropy"
    )
    assert done.stderr == "fastloss evaluate: - is the standard input: it holds one array\n"


def test_what_there_is_and_which_version(capsys):
    listed = ["evaluate", "--list"], ["--metric:", "  focal:gamma=2.0,"]
    for asked, words in ((["--version"], [f"fastloss {fl.__version__}"]), listed):
        with pytest.raises(SystemExit) as ended:
            main(asked)
        out = capsys.readouterr().out
        assert ended.value.code == 0 and all(word in out for word in words)
    for name in (*fl.losses, *fl.metrics):
        assert f"\n  {name}" in out
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    assert capsys.readouterr().out.startswith("usage: fastloss evaluate")


@pytest.mark.parametrize("asked", [["bench"], ["demo"], ["evaluate", "x.npy", *ASKED]], ids=str)
def test_ctrl_c_is_one_line_and_130(files, capsys, monkeypatch, asked):
    from fastloss._command import bench as _bench
    from fastloss._command import demo as _demo

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for module, name in ((_bench, "run"), (_demo, "run"), (_command, "_found")):
        monkeypatch.setattr(module, name, interrupted)
    assert main(asked) == 130
    assert capsys.readouterr().err == "\nfastloss: interrupted\n"


# ---- as a process --------------------------------------------------------------------------------------


def test_the_process_says_one_line_and_leaves_with_2(files):
    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "fastloss", "evaluate", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(fl.__file__).parents[1])},
        )

    done = call("x.npy", "no.npy", "--loss", "cross_entropy")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "fastloss evaluate: no.npy: no such file\n")
    done = call("x.npy", "y.npy", *ASKED, *SMALL, "--json")
    assert (done.returncode, done.stderr) == (0, "") and json.loads(done.stdout)["results"] == expected()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_that_went_away_and_a_full_disk(files):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "fastloss", "evaluate", "x.npy", "y.npy", *ASKED]
    env = {**os.environ, "PYTHONPATH": str(Path(fl.__file__).parents[1])}
    done = subprocess.run([*command, "--json"], stdout=writing, stderr=subprocess.PIPE, text=True, env=env)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")  # as of a process that SIGPIPE ended
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=env)
        assert done.returncode == 2
        assert re.fullmatch(r"fastloss evaluate: .*No space left on device\n", done.stderr), done.stderr


def test_an_error_does_not_stick_to_the_bar(files, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    np.save("y.npy", np.where(np.arange(N) == 777, C, LABELS))
    assert main(["evaluate", "x.npy", "y.npy", *ASKED, "--batch-size", "500"]) == 2
    assert capsys.readouterr().err.startswith("\r 50%\r    \rfastloss evaluate: y.npy: row 777")


def test_the_installed_command_is_this_one():
    try:
        (point,) = importlib.metadata.entry_points(group="console_scripts", name="fastloss")
    except ValueError:
        text = (Path(fl.__file__).parents[1] / "pyproject.toml").read_text()
        assert 'fastloss = "fastloss.__main__:main"' in text
    else:
        assert point.load() is main


def test_a_bar_on_a_terminal_only(files, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert main(["evaluate", "x.npy", "y.npy", *ASKED, "--batch-size", "500"]) == 0
    assert capsys.readouterr().err == "\r 50%\r100%\r    \r"
    monkeypatch.undo()


def test_a_bar_of_tqdm(files, capsys, monkeypatch):
    pytest.importorskip("tqdm", reason="tqdm is optional")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["evaluate", "x.npy", "y.npy", *ASKED]) == 0
    assert "1.00k/1.00k" in capsys.readouterr().err


def test_files_are_read_into_two_buffers(files, monkeypatch):
    """However many batches there are; and one is not written to while it is in use."""
    seen, real = [], fl.Accumulator.update

    def update(self, **batch):
        before = batch["pred"].copy()
        result = real(self, **batch)
        np.testing.assert_array_equal(batch["pred"], before)
        seen.append(batch["pred"].ctypes.data)
        return result

    monkeypatch.setattr(fl.Accumulator, "update", update)
    assert main(["evaluate", "x.npy", "y.npy", *ASKED, "--batch-size", "10"]) == 0
    assert len(seen) == 100 and len({*seen}) == 2


def test_memory_does_not_grow_with_the_file(files, tmp_path):
    """A sparse file of 2 GB: VmHWM, which the pages of a memory map would raise."""
    if sys.platform != "linux":
        pytest.skip("VmHWM is Linux's")
    rows, classes = 500_000, 1000
    with open("large.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, classes)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * classes * 4)
    np.save("labels.npy", np.zeros(rows, np.int32))
    found, peak = found_and_peak("large.npy")
    assert found == pytest.approx(math.log(classes), rel=1e-6)
    assert peak < 200_000


def found_and_peak(logits):
    """Cross entropy against labels.npy, and the peak of resident memory in kB."""
    program = (
        "import sys\nfrom fastloss.__main__ import main\nmain(sys.argv[1:])\n"
        "print(open('/proc/self/status').read(), file=sys.stderr)"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            "evaluate",
            logits,
            "labels.npy",
            "--loss",
            "cross_entropy",
            "--json",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(fl.__file__).parents[1])},
    )
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", done.stderr)[1])
    return json.loads(done.stdout)["results"]["cross_entropy"], peak


def test_memory_does_not_grow_with_a_group_of_rows(files):
    """Parquet keeps as many rows together as its writer had: here all."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is optional")
    import pyarrow.parquet as pq

    if sys.platform != "linux":
        pytest.skip("VmHWM is Linux's")
    peaks = []
    for rows in (10_000, 400_000):
        logits = np.random.default_rng(0).standard_normal((rows, 100), dtype=np.float32)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), 100)
        pq.write_table(pa.table({"x": lists}), "group.parquet", row_group_size=rows)
        np.save("labels.npy", np.zeros(rows, np.int32))
        found, peak = found_and_peak("group.parquet")
        assert found == pytest.approx(fl.cross_entropy(logits, np.zeros(rows, int)), rel=1e-12)
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 130_000, peaks  # of 160 MB, which were held twice


def test_a_thread_less_than_there_are_computes(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for there, given in ((1, 1), (2, 1), (8, 7)):
        monkeypatch.setattr(_command._threads, "available", lambda n=there: n)
        assert _command._beside_the_reader() == given
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert _command._beside_the_reader() is None


def test_a_read_may_bring_less_than_was_asked_for(files):
    class Slow(io.BytesIO):
        def readinto(self, buffer):
            return super().readinto(memoryview(buffer)[:1001])

    content = Path("x.npy").read_bytes()
    rows, out = _files.Npy("x.npy", Slow(content), len(content)), np.empty((N // 2, C), np.float32)
    for half in (LOGITS[: N // 2], LOGITS[N // 2 :]):
        rows.read(out)
        np.testing.assert_array_equal(out, half)
    with pytest.raises(ValueError, match=r"x\.npy: row 1000 or soon after it: the file ends"):
        rows.read(out)


def test_reading_ahead_keeps_the_order_and_the_errors():
    def read(i):
        if i == 7:
            raise ValueError("seven")
        return i * i

    assert list(_evaluate._read_ahead(read, range(7))) == [i * i for i in range(7)]
    assert list(_evaluate._read_ahead(read, [])) == []
    with pytest.raises(ValueError, match="seven"):
        list(_evaluate._read_ahead(read, range(10)))
