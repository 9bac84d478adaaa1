"""`python -m fastloss demo` and `bench` run, in small, and say what they promise."""

import importlib.util
import json
import sys

import numpy as np
import pytest

import fastloss as fl
from fastloss.__main__ import main
from support.layouts import neighbours


def test_bench_json_is_one_object_and_nothing_else(capsys):
    main(["bench", "--json", "--quick", "--threads", "1"])
    run = json.loads(capsys.readouterr().out)
    assert run["version"] == fl.__version__ and run["isa"] == fl._core.isa() and run["threads"] == 1
    assert run["machine"]
    assert {row["contender"] for row in run["rows"]} >= {"fastloss", "NumPy"}
    assert {(row["loss"], row["what"]) for row in run["rows"]} == {
        (loss, what) for loss in ("cross_entropy", "mse") for what in ("forward", "gradient")
    }
    assert all(row["seconds"] > 0 and row["gb_per_s"] > 0 for row in run["rows"])


@pytest.mark.parametrize(
    "others, threads, busy", [(0, 1, False), (0.2, 4, False), (3, 1, False), (1, 4, True), (40, 1, True)]
)
def test_bench_says_when_the_machine_is_busy(monkeypatch, capsys, others, threads, busy):
    from fastloss._command import bench as _bench

    monkeypatch.setattr(_bench.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(_bench, "running", lambda: others)
    monkeypatch.setattr(_bench, "cases", lambda quick: [])
    _bench.run(threads=threads)
    printed = capsys.readouterr().out
    assert ("want the 4 processors" in printed) == busy
    _bench.run(threads=threads, as_json=True)
    assert json.loads(capsys.readouterr().out)["others running"] == others


@pytest.mark.skipif(sys.platform != "linux", reason="counts by /proc/loadavg")
def test_neighbours_are_counted():
    from fastloss._command import bench as _bench

    before = _bench.running()
    with neighbours(6):
        found = _bench.running(60)
    assert before + 3 < found


def test_bench_refuses_to_time_a_wrong_answer():
    from fastloss._command import bench as _bench

    case = _bench.make_case("cross_entropy", (50, 7))
    value, grad = fl.cross_entropy.value_and_grad(case.pred, case.target)
    _bench.check(case, [value], grad)
    with pytest.raises(AssertionError):
        _bench.check(case, [value * 1.001])
    with pytest.raises(AssertionError):
        _bench.check(case, [value], np.roll(grad, 1, axis=0))


def test_demo(capsys, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("tqdm")
    picture = tmp_path / "curves.png"
    main(["demo", "--quick", "--output", str(picture)])
    printed = capsys.readouterr().out
    for words in ("test accuracy", "training loss", "confidently wrong", "vs NumPy"):
        assert words in printed
    if importlib.util.find_spec("matplotlib"):
        assert str(picture) in printed and picture.read_bytes().startswith(b"\x89PNG")
    else:
        assert "matplotlib" in printed


def test_demo_without_its_libraries_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(SystemExit, match=r"pip install \"\.\[demo\]\""):
        main(["demo"])


def test_squared_error_vanishes_where_cross_entropy_does_not():
    pytest.importorskip("sklearn")
    from fastloss._command import demo as _demo

    count, sizes = _demo.vanishing(_demo.load(), _demo.STARTS["saturated start"])
    assert count > 20
    assert sizes["cross entropy"] > 0.99
    assert 0 < sizes["mse of sigmoids"] < 2 / _demo.CLASSES * 0.01  # a < 0.01 in 2/C * (a - 1) * a * (1 - a)
