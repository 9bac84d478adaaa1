"""What is shipped: the files of wheel and sdist, the symbols of the extension, the registers of its objects,
and what `import fastloss` brings along (TRUST: installs everywhere)."""

import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import fastloss
from support import ROOT

pytestmark = pytest.mark.same_lines

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files with binutils")
x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 registers")


def run(*command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def files(folder):
    """Relative paths of the files below a folder, without what running the tests leaves there."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the sources, so that no build of ours touches the clone's."""
    copy = tmp_path_factory.mktemp("packaging") / "tree"
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "*.so", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=left_out)
    return copy


@pytest.fixture(scope="module")
def sdist(tree):
    """The unpacked source distribution."""
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", cwd=tree)
    [archive] = tree.glob("dist/*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tree.parent / "sdist", filter="data")
    [folder] = (tree.parent / "sdist").iterdir()
    return folder


@pytest.fixture(scope="module")
def built(sdist):
    """The source distribution after a wheel was built from nothing but it, under a distributor's CFLAGS."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FASTLOSS_") or name == "FASTLOSS_BUILD_ISAS"
    }
    environment["CFLAGS"] = "-O2"
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", cwd=sdist, env=environment)
    return sdist


@pytest.fixture(scope="module")
def wheel(built):
    """The unpacked wheel."""
    [archive] = built.glob("dist/*.whl")
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(built.parent.parent / "wheel")
    return built.parent.parent / "wheel"


def test_without_a_compiler_one_sentence_says_what_to_install(tree):
    command = [sys.executable, "setup.py", "-q", "build_ext"]
    environment = {**os.environ, "CC": "no-such-compiler"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tree, env=environment)
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode != 0 and len(said) == 1, done.stderr
    assert "needs a C compiler, and 'no-such-compiler' compiles nothing here: install gcc or clang" in said[0]
    assert not re.search("OpenMP not found|has no __AVX", done.stdout + done.stderr)


def test_a_clone_that_is_not_built_says_so(tree):
    done = subprocess.run([sys.executable, "-c", "import fastloss"], capture_output=True, text=True,
                          cwd=tree)  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(r"ImportError: fastloss is not built in .*tree.fastloss: pip install \. .*", last)


@pytest.mark.slow
def test_sdist_holds_what_a_build_and_a_test_run_need(tree, sdist):
    held = files(sdist)
    for folder in ("src", "tests", "benchmarks", "docs", "examples", "tools", "fastloss"):
        expected = {f"{folder}/{name}" for name in files(tree / folder)}
        assert expected
        assert expected <= held
    assert {"pyproject.toml", "setup.py", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"} <= held
    assert not [name for name in held if name.startswith("build/") or name.endswith((".o", ".so"))]


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(tree, wheel):
    sources = {name for name in files(tree / "fastloss") if name.endswith((".py", ".pyi", "py.typed"))}
    assert {"__init__.py", "__init__.pyi", "_core.pyi", "py.typed"} <= sources
    assert files(wheel / "fastloss") == sources
    assert len(list(wheel.glob("fastloss/_core*.so"))) == 1
    [info] = wheel.glob("*.dist-info")
    assert {path.name for path in wheel.iterdir()} == {"fastloss", info.name}
    assert (info / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.slow
def test_wheel_works_by_itself(wheel):
    code = "import fastloss; print(fastloss.__file__, fastloss.__version__, fastloss.mse([1.0], [3.0]))"
    where, version, value = run(sys.executable, "-c", code, cwd=wheel).split()
    assert Path(where).is_relative_to(wheel)
    assert version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert value == "4.0"


@pytest.mark.slow
@linux
def test_only_the_init_function_is_exported(wheel):
    [extension] = wheel.glob("fastloss/_core*.so")
    symbols = run("nm", "-D", "--defined-only", "--format=just-symbols", str(extension)).split()
    assert symbols == ["PyInit__core"]


@pytest.mark.slow
@linux
@x86
def test_wide_registers_only_where_the_processor_was_asked(built):
    """One wide instruction elsewhere, and the import ends in an illegal instruction on an older machine."""
    seen = {}
    for path in built.glob("build/temp*/**/*.o"):
        code = run("objdump", "-d", "--no-show-raw-insn", str(path))
        folder = path.relative_to(built / "build").parts[1]
        seen.setdefault(folder, set()).update(re.findall(r"%([yz]mm)\d", code))
    wide = {name: registers for name, registers in seen.items() if registers}
    chosen = os.environ.get("FASTLOSS_BUILD_ISAS", "avx2 avx512").split()
    of_set = {"avx2": {"ymm"}, "avx512": {"ymm", "zmm"}}
    assert wide == {f"{isa}_{bits}": of_set[isa] for isa in chosen if isa in of_set for bits in (32, 64)}
    assert {"baseline_32", "baseline_64", "core"} <= set(seen)


@pytest.mark.slow
def test_the_extension_says_that_it_needs_no_gil(built):
    """To a free-threaded interpreter, which would take the GIL otherwise."""
    text = (built / "build" / "cython" / "fastloss" / "_core.c").read_text()
    defined = re.findall(r"#define __Pyx_FREETHREADING_COMPATIBLE (\w+)", text)
    assert defined[-1] == "Py_MOD_GIL_NOT_USED"  # those before it stand for a macro that nobody sets


WARNINGS = "-Wall -Wextra -Wconversion -Wshadow -Werror".split()


@pytest.mark.parametrize("compiler", [c for c in ("gcc", "clang") if shutil.which(c)])
def test_the_core_compiles_without_a_warning(compiler, monkeypatch):
    """Each C file with the flags of setup.py for each instruction set and dtype, OpenMP or not."""
    monkeypatch.setattr("setuptools.setup", lambda **_: None)
    build = runpy.run_path(str(ROOT / "setup.py"))
    command = [compiler, *build["FLAGS"], *build["STRICT"], *WARNINGS]
    probe = [compiler, "-fopenmp", "-fsyntax-only", "-x", "c", "-"]
    probed = subprocess.run(probe, input=build["OPENMP_PROBE"], text=True, capture_output=True)
    have = [f"-DFL_HAVE_{isa.upper()}" for isa, *_ in build["INSTRUCTION_SETS"]]
    for switch in [[], ["-fopenmp"]][: 1 + (probed.returncode == 0)]:
        for file in build["CORE"]:  # some warnings come with the optimiser
            run(*command, *switch, *have, "-c", file, "-o", os.devnull, cwd=ROOT)
    for isa, macro, flags in build["INSTRUCTION_SETS"]:
        if macro is None or platform.machine() == "x86_64":
            for bits in (32, 64):
                chosen = [*flags, f"-DFL_ISA={isa}", f"-DFL_BITS={bits}", "-fsyntax-only"]
                run(*command, *chosen, "src/kernels.c", cwd=ROOT)


def test_import_brings_nothing_but_numpy():
    code = (
        "import sys, numpy; before = set(sys.modules); import fastloss;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    where = Path(fastloss.__file__).parents[1]
    brought = {
        name
        for name in run(sys.executable, "-c", code, cwd=where).split()
        if not re.fullmatch(r"cython_runtime|_cython_\w+", name)
    }  # what Cython registers of itself
    assert brought == {"fastloss"}
