"""Breaks src/ one token at a time (tools/mutants.py) and looks whether a test turns red. What survives is a
hole in the tests, or a token that no result depends on: tools/mutants.md lists those, each with its reason.

    python -m tools.mutate --count 30 --passes --at-least 0.95       # what CI does
    python -m tools.mutate --count 400 --report FILE        # goes on where FILE ends
    python -m tools.mutate --report FILE --summary          # a report in Markdown
    python -m tools.mutate --show ID ...                    # what these mutants change
    python -m tools.mutate --id ID ...                      # runs these; --listed, those of tools/mutants.md

Which mutants come first is a hash of the seed, the token and its function: an edit elsewhere does not change
it. Each is built at -O1, in a copy of the tree, in two steps: first one part of one pair of tables, while the
other parts stay whole, for the tests that know it best; then everything it changes, for those that go over
all kernels. Mutants that do not compile are not counted. A line that AVX2 does not compile is broken in the
baseline, and that runs. Needs gcc and Linux.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tools.mutants import ROOT, Mutant, every_mutant, listed

# ---- which tests know it best ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """The parts of the tables that are built first, and the tests that run on them: those of these modules
    whose name holds one of the words, in their order. FUNCTION is the mutant's. Without a match, all."""

    parts: str
    tests: str
    words: tuple[str, ...] = ("FUNCTION",)


# Of 11 widths and 4 dtypes, those that differ in kind.
ROWS = "row_losses row_special_values row_gradients"
WIDTHS = ".*float(?:32|64)-(?:10|65)"
SOFTMAX = Look(
    "softmax",
    f"cross_entropy gradients primitives {ROWS} accuracy",
    (
        "test_matches_the_oracle.*(?:1|2|10|65|1000)]",
        "test_rows",
        "test_gradients",
        "class_axis",
        "ignored",
        "bad_row",
        "minus_inf",
        "confident",
        "test_accuracy.*(?:64|1000)",
    ),
)
TERMS = Look("softmax", ROWS, (f"(?:focal|poly|generalized|brier|js_div){WIDTHS}", "focal|poly|js"))
MARGINS = Look(
    "softmax", ROWS, (f"(?:am_softmax|arcface|l_softmax){WIDTHS}", "softmax|arcface|cosine_of_one")
)
HESSIAN = Look("regression binary softmax", "boosting", ("floor", "hessian"))
TASKS = Look(
    "",
    f"mse layouts shapes_and_labels cross_entropy elementwise {ROWS} vector_losses"
    " bits streaming scores conversions parameters",
    (
        "test_mse",
        "where_it_is_read",
        "is_named",
        "label",
        "weight",
        "domain",
        "for_elements",
        "leading",
        "ignored",
        "negative",
        "many",
        "faults",
        "last_target",
        "count",
    ),
)
SEPARABLE = "(?:nll|log_loss|kl_div|brier_from)"
LOOK = {
    "src/elementwise/regression.h": Look("regression", "elementwise"),
    "src/elementwise/binary.h": Look("binary", "elementwise primitives metrics"),
    "src/elementwise/formula.h": Look("regression", "elementwise", ("oracle", "array", "overflow")),
    "src/elementwise/kernel.h": Look(
        "regression", "elementwise", ("oracle", "layout", "array", "bits_with", "bad", "two_grad", "variance")
    ),
    "src/base/hessian.h": HESSIAN,
    "src/base/elementary.h": Look("core", "accuracy", ("functions",)),
    "src/base/scalar.h": Look(
        "core regression", "accuracy mse elementwise", ("functions", "test_mse", "oracle")
    ),
    "src/elementwise/block.h": Look(
        "regression",
        "layouts elementwise mse",
        ("array_param", "for_elements", "any_layout", "two_grad", "mse"),
    ),
    "src/base/convert.h": Look(
        "regression", "mse layouts bits", ("test_mse", "elements", "no_copy", "than_a_cache")
    ),
    "src/base/labels.h": Look(
        "softmax", "cross_entropy shapes_and_labels layouts", ("width", "ignored", "label", "index")
    ),
    "src/kernels.c": Look(
        "core regression",
        "mse elementwise accuracy scores parameters conversions",
        ("test_mse", "domain", "last_target", "functions", "oracle", "rounding"),
    ),
    **dict.fromkeys(("src/call.c", "src/task.c", "src/scan.c", "src/span.h"), TASKS),
    "src/dispatch.c": Look("", "isa mse"),
    "src/process.c": Look("", "threads", ("fork", "")),
    "src/pool.c": Look("", "pool threads"),
    "src/openmp.c": Look("", "pool threads"),
    "src/rows/tile.h": Look("softmax", "cross_entropy primitives gradients", SOFTMAX.words),
    "src/rows/cosine.h": Look(
        "cosine", f"{ROWS} vector_losses", (f"cosine{WIDTHS}", "cosine", "norm", "zero_vector")
    ),
    "src/rows/hinge.h": Look("hinge", ROWS, (f"(?:hinge|margin-){WIDTHS}", "hinge|multi_margin")),
    "src/rows/rank.h": Look("rank", "metrics"),
    "src/rows/separable.h": Look("separable", f"{ROWS} scores", (f"{SEPARABLE}{WIDTHS}", SEPARABLE)),
    **{f"src/rows/softmax/{name}.h": SOFTMAX for name in ("kernel", "operands", "sums", "finish", "writers")},
    **{f"src/rows/softmax/{name}.h": TERMS for name in ("class_terms", "term_sweeps")},
}
LOOK_AT = {  # functions that the tests of their file do not reach
    "log_ratio": Look("softmax", ROWS, ("js_div",)),
    "log1p_unit": Look("binary", "elementwise", ("four_ulps", "oracle")),
    "apply_margin": MARGINS,
    "store_hess": HESSIAN,
}
# Files that have a say in one part only; the others have one in all.
OF_ALL = {
    *(f"src/elementwise/{name}.h" for name in ("formula", "kernel", "block")),
    "src/rows/tile.h",
    "src/rows/softmax/operands.h",
}
ALONE = {
    file: [look.parts]
    for file, look in LOOK.items()
    if file.startswith(("src/elementwise/", "src/rows/")) and file not in OF_ALL
}


def modules(names: str) -> list[str]:
    """The test modules of these names, wherever they lie."""
    found = {name: list((ROOT / "tests").glob(f"*/test_{name}.py")) for name in names.split()}
    if lost := [name for name, paths in found.items() if len(paths) != 1]:
        sys.exit(f"no test module is called {', '.join(lost)}")
    return [path.relative_to(ROOT).as_posix() for [path] in found.values()]


def suite() -> list[str]:
    """The second step: the modules marked all_kernels, in the order of their places. The rest of the suite
    looks at the same results with other numbers, for minutes."""
    marked = [
        (int(place[1]), path)
        for path in (ROOT / "tests").glob("*/test_*.py")
        if (place := re.search(r"mark\.all_kernels\((\d+)\)", path.read_text()))
    ]
    return [path.relative_to(ROOT).as_posix() for _, path in sorted(marked)]


# ---- the plugin, in pytest's own process -----------------------------------------------------------------

PATIENCE = 20  # seconds of the processor a test


def pytest_configure() -> None:
    from hypothesis import Phase, settings

    settings.register_profile(
        "mutate", database=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
    )
    settings.load_profile("mutate")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    words = json.loads(os.environ["MUTATE_WORDS"])
    rank = {item: next((i for i, w in enumerate(words) if re.search(w, item.nodeid)), None) for item in items}
    if any(r is not None for r in rank.values()):
        items[:] = sorted((i for i in items if rank[i] is not None), key=rank.get)


def pytest_runtest_logstart(nodeid: str) -> None:
    Path(os.environ["MUTATE_AT"]).write_text(nodeid)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)


# ---- building --------------------------------------------------------------------------------------------

CYTHON = (
    "boundscheck=False",
    "wraparound=False",
    "cdivision=True",
    "initializedcheck=False",
    "freethreading_compatible=True",
)  # as in setup.py
BOUNDS = ("-fsanitize=bounds", "-fsanitize-undefined-trap-on-error")  # past a local array: the process dies
CORE = ("dispatch", "call", "process", "task", "scan", "pool", "openmp")
EXTENSION = "fastloss/_core" + sysconfig.get_config_var("EXT_SUFFIX")
Unit = tuple[str, ...]  # (instruction set, bits, part) of the tables, or (name,) of CORE

# The tables of the parts become one when the extension is loaded: static functions have no address elsewhere.
GLUE = """
extern const fl_table {tables};
fl_table fl_table_{isa}_{bits};
static fl_kernel *elementwise_{isa}_{bits}[256], *rowwise_{isa}_{bits}[256];
__attribute__((constructor)) static void merge_{isa}_{bits}(void) {{
    int elementwise = 0, rowwise = 0;
    fl_table_{isa}_{bits} = fl_table_{isa}_core_{bits};
    fl_table_{isa}_{bits}.isa = "{isa}";
    fl_table_{isa}_{bits}.elementwise = elementwise_{isa}_{bits};
    fl_table_{isa}_{bits}.rowwise = rowwise_{isa}_{bits};
{copies}}}
"""


def command(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, words)), cwd=cwd, capture_output=True, text=True)


def must(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        sys.exit(f"{' '.join(done.args)}\n{done.stdout}{done.stderr}")
    return done.stdout


class Original:
    """A copy of the tree, built in parts, an object each; and which lines of src/ each of them compiles."""

    def __init__(self, work: Path, jobs: int) -> None:
        self.cc, self.tree = os.environ.get("CC", "gcc"), work / "original"
        with mock.patch("setuptools.setup"):
            setup = runpy.run_path(str(ROOT / "setup.py"))
        self.flags = [*(f for f in setup["FLAGS"] if f != "-O3"), "-O1", "-std=c11", "-w", "-fPIC", *BOUNDS]
        self.isas = {
            isa: flags
            for isa, macro, flags in reversed(setup["INSTRUCTION_SETS"])
            if isa != "avx512" and self.has(macro, flags)
        }
        left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "*.so", "__pycache__")
        shutil.copytree(ROOT, self.tree, ignore=left_out)
        files = sorted(p for name in ("src", "fastloss", "tests") for p in (self.tree / name).rglob("*.*"))
        self.digest = hashlib.sha1(b"".join(p.read_bytes() for p in files)).hexdigest()
        self.parts = self.split()
        tables = [(isa, bits, part) for isa in self.isas for bits in ("32", "64") for part in self.parts]
        self.units: list[Unit] = [*tables, *((name,) for name in CORE)]
        (self.tree / "glue.c").write_text(self.glue())
        must(
            command(
                sys.executable,
                "-m",
                "cython",
                "-3",
                *(f"-X{d}" for d in CYTHON),
                "fastloss/_core.pyx",
                "-o",
                "_core.c",
                cwd=self.tree,
            )
        )
        include = f"-I{sysconfig.get_paths()['include']}"
        with ThreadPoolExecutor(jobs) as pool:
            built = [
                pool.submit(command, self.cc, *self.flags, include, "-fopenmp", "-c", file, cwd=self.tree)
                for file in ("_core.c", "glue.c")
            ]
            built += [pool.submit(self.compile, unit, self.tree) for unit in self.units]
            seen = {key: pool.submit(self.lines, key) for key in {u[:2] for u in self.units}}
            for done in built:
                must(done.result())
        self.active = {key: lines.result() for key, lines in seen.items()}
        self.link(self.tree, set())

    def has(self, macro: str | None, flags: list[str]) -> bool:
        """Does the compiler have it, and this processor? By the macro's name: __AVX2__ is avx2."""
        if macro is None:
            return True
        known = subprocess.run(
            [self.cc, *flags, "-dM", "-E", "-x", "c", "-"], input="", capture_output=True, text=True
        )
        return macro in known.stdout and macro.strip("_").lower() in Path("/proc/cpuinfo").read_text()

    def split(self) -> list[str]:
        """Makes the lists of losses depend on PART_<name>. In a list, a comment names each file
        or folder."""
        names = ["core"]
        for file in ("src/elementwise/list.h", "src/rows/list.h"):
            text = (self.tree / file).read_text()
            [macro] = re.findall(r"#define (FL_\w+_LIST)\(X\)", text)
            _, *pieces = re.split(r"/\* (\w+)(?:\.h|/) \*/", text)
            lines = ["#ifdef PART"]
            for name, body in zip(pieces[::2], pieces[1::2], strict=True):
                entries = " ".join(re.findall(r"X\([^)]*\)", body))
                lines += [f"#ifdef PART_{name}", f"#define {macro}(X) {entries}", "#endif"]
            lines += [f"#ifndef {macro}", f"#define {macro}(X)", "#endif", "#else", text, "#endif", ""]
            (self.tree / file).write_text("\n".join(lines))
            names += pieces[::2]
        return names

    def glue(self) -> str:
        text = '#include "fastloss.h"\n'
        for isa in self.isas:
            for bits in ("32", "64"):
                tables, copies = [], ""
                for part in self.parts:
                    table, kernels = f"fl_table_{isa}_{part}_{bits}", self.preprocessed(part)
                    tables.append(table)
                    for kind in ("elementwise", "rowwise"):
                        copies += (
                            f"    for (int i = 0; i < {kernels.count(kind)}; i++) "
                            f"{kind}_{isa}_{bits}[{kind}++] = {table}.{kind}[i];\n"
                        )
                text += GLUE.format(isa=isa, bits=bits, tables=", ".join(tables), copies=copies)
        return text

    def preprocessed(self, part: str) -> list[str]:
        """One word a kernel of the part: elementwise or rowwise."""
        program = (
            '#include "elementwise/list.h"\n#include "rows/list.h"\n'
            "#define ELEMENTWISE(...) elementwise\n#define ROWWISE(name) rowwise\n"
            "FL_ELEMENTWISE_LIST(ELEMENTWISE) FL_ROWWISE_LIST(ROWWISE)\n"
        )
        options = ["-iquote", "src", "-DPART", f"-DPART_{part}", "-E", "-P", "-x", "c", "-"]
        done = subprocess.run(
            [self.cc, *options], input=program, capture_output=True, text=True, cwd=self.tree
        )
        return must(done).split()

    def options(self, unit: Unit) -> list[str]:
        if len(unit) == 1:
            have = [f"-DFL_HAVE_{isa.upper()}" for isa in self.isas]
            return [*self.flags, "-fopenmp", *have, f"src/{unit[0]}.c"]
        isa, bits, *part = unit
        chosen = [f"-DFL_ISA={'_'.join([isa, *part])}", f"-DFL_BITS={bits}"]
        chosen += ["-DPART", *(f"-DPART_{name}" for name in part)]
        return [*self.flags, *self.isas[isa], *chosen, "src/kernels.c"]

    def compile(self, unit: Unit, tree: Path) -> subprocess.CompletedProcess[str]:
        return command(self.cc, *self.options(unit), "-c", "-o", self.object(unit), cwd=tree)

    def object(self, unit: Unit) -> str:
        return ".".join(unit) + ".o"

    def lines(self, unit: Unit) -> set[tuple[str, int]]:
        """The lines that are compiled: what is left out comes back empty."""
        text = must(command(self.cc, *self.options(unit), "-E", "-fdirectives-only", cwd=self.tree))
        found, file, number = set(), "", 0
        for line in text.splitlines():
            if marker := re.match(r'# (\d+) "([^"]*)"', line):
                number, file = int(marker[1]), os.path.normpath(marker[2])
                continue
            if line.strip():
                found.add((file, number))
            number += 1
        return found

    def link(self, tree: Path, changed: set[Unit]) -> None:
        objects = [(tree if unit in changed else self.tree) / self.object(unit) for unit in self.units]
        built = tree / "built.so"
        must(
            command(
                self.cc,
                "-shared",
                "-fopenmp",
                "-pthread",
                "-o",
                built,
                self.tree / "_core.o",
                self.tree / "glue.o",
                *objects,
                "-lm",
                cwd=tree,
            )
        )
        os.replace(built, tree / EXTENSION)

    def units_of(self, mutant: Mutant) -> list[Unit]:
        """What a mutant changes: tables of the first instruction set that has its line, and of the core."""
        keys = [key for key, lines in self.active.items() if (mutant.file, self.line_of(mutant)) in lines]
        isa = next((isa for isa in self.isas for key in keys if key[0] == isa), None)
        parts = ALONE.get(mutant.file, self.parts)
        return [
            unit
            for unit in self.units
            if unit[:2] in keys and (len(unit) == 1 or (unit[0] == isa and unit[2] in parts))
        ]

    def line_of(self, mutant: Mutant) -> int:
        """The compiler has a macro of several lines on its first one."""
        lines, number = (ROOT / mutant.file).read_text().splitlines(), mutant.line
        while number > 1 and lines[number - 2].endswith("\\"):
            number -= 1
        return number


# ---- running ---------------------------------------------------------------------------------------------


class Worker:
    """A tree of its own, in which one mutant after the other is built and tested."""

    def __init__(self, original: Original, name: str) -> None:
        self.original, self.tree = original, original.tree.with_name(name)
        left_out = shutil.ignore_patterns("*.o", "*.so", "_core.c", "__pycache__")
        shutil.copytree(original.tree, self.tree, ignore=left_out)

    def trouble(self) -> str:
        """Of the original: it must pass, or no kill is worth anything."""
        self.original.link(self.tree, set())
        result, by = self.tests(next(iter(self.original.isas)), suite(), [])
        return "" if result == "survived" else f"the original does not pass: {result} by {by}"

    def run(self, mutant: Mutant) -> dict[str, Any]:
        start = time.monotonic()
        mutant.write(self.tree)
        result, by = self.outcome(mutant)
        shutil.copy(self.original.tree / mutant.file, self.tree / mutant.file)
        return {
            "id": mutant.id,
            "file": mutant.file,
            "line": mutant.line,
            "function": mutant.function,
            "code": mutant.code,
            "broken": mutant.broken,
            "before": mutant.before,
            "after": mutant.after,
            "result": result,
            "by": by,
            "seconds": round(time.monotonic() - start, 1),
        }

    def outcome(self, mutant: Mutant) -> tuple[str, str]:
        """What became of it, and at which test."""
        units = self.original.units_of(mutant)
        isa = next((unit[0] for unit in units if len(unit) == 3), next(iter(self.original.isas)))
        look = LOOK_AT.get(mutant.function, LOOK[mutant.file])
        words = [word.replace("FUNCTION", mutant.function or "$^") for word in look.words]
        first = [unit for unit in units if len(unit) == 1 or unit[2] in look.parts.split()]
        built: set[Unit] = set()
        same = True
        for step, files, chosen in ((first, modules(look.tests), words), (units, suite(), [])):
            for unit in step:
                if unit not in built and self.original.compile(unit, self.tree).returncode:
                    return "did not compile", ""
            built |= set(step)
            same = all(self.is_same(unit) for unit in built)
            if not same:
                self.original.link(self.tree, built)
                result, by = self.tests(isa, files, chosen)
                if result != "survived":
                    return result, by
        return "same code" if same else "survived", ""

    def is_same(self, unit: Unit) -> bool:
        name = self.original.object(unit)
        return (self.tree / name).read_bytes() == (self.original.tree / name).read_bytes()

    def tests(self, isa: str, files: Iterable[str], words: list[str]) -> tuple[str, str]:
        at = self.tree / "at"
        at.write_text("import fastloss")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTLOSS_")}
        environment |= {"MUTATE_WORDS": json.dumps(words), "MUTATE_AT": str(at)}
        if isa != next(iter(self.original.isas)):
            environment["FASTLOSS_ISA"] = isa
        options = [
            "-p",
            "tools.mutate",
            "-p",
            "no:cacheprovider",
            "-x",
            "-q",
            "--tb=short",
            "--no-header",
            "-m",
            "not slow and not exhaustive",
            *files,
        ]
        with open(self.tree / "output", "w+") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options],
                cwd=self.tree,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            code = patient(process)
            if code in (0, None, -signal.SIGPROF):
                return ("survived", "") if code == 0 else ("timeout", at.read_text())
            if code in (1, 2) or code < 0:
                return "killed", at.read_text()
            sys.exit(f"pytest ended with {code}:\n{(self.tree / 'output').read_text()}")


def patient(process: subprocess.Popen[bytes], limit: int = 900) -> int | None:
    """The return code; None where it took too long. In small steps: while it is stopped, nobody counts."""
    for _ in range(limit):
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            pass
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return None


# ---- the report ------------------------------------------------------------------------------------------

ALIVE, DEAD = ("survived", "same code"), ("killed", "timeout")


def summary(rows: list[dict[str, Any]]) -> str:
    known = listed()
    dead = [r for r in rows if r["result"] in DEAD]
    alive = [r for r in rows if r["result"] in ALIVE]
    open_ = [r for r in alive if r["id"] not in known]
    broken = sum(r["result"] == "did not compile" for r in rows)
    lines = [
        f"{len(dead)} of {len(dead) + len(alive)} mutants were killed, {share(dead, alive):.1%}. Of the "
        f"survivors {len(alive) - len(open_)} are listed in tools/mutants.md as those that no test can kill; "
        f"without them it is {share(dead, open_):.1%}. {broken} more did not compile.",
        "",
        "| file | killed | of them by time | survived | of them listed |",
        "|---|---|---|---|---|",
    ]
    for file in sorted({r["file"] for r in dead + alive}):
        count = Counter(r["result"] for r in rows if r["file"] == file)
        here = sum(r["file"] == file and r["id"] in known for r in alive)
        lines.append(
            f"| `{file}` | {count['killed'] + count['timeout']} | {count['timeout']} | "
            f"{count['survived'] + count['same code']} | {here} |"
        )
    for title, chosen in (
        ("Survivors that are not listed", open_),
        ("Listed, but killed", [r for r in dead if r["id"] in known]),
    ):
        lines += ["", f"{title}:", ""] * bool(chosen)
        lines += [
            f"- `{r['id']}` {r['file']}:{r['line']}, {r['function']}, {r['result']} {r['by']}: "
            f"`{r['code']}` -> `{r['broken']}`"
            for r in chosen
        ]
    killers = Counter(re.sub(r"\[.*", "", r["by"]) for r in dead).most_common(12)
    lines += ["", "What killed most: " + ", ".join(f"{n} {name}" for name, n in killers) + "."]
    return "\n".join(lines)


def share(dead: list[dict[str, Any]], alive: list[dict[str, Any]]) -> float:
    return len(dead) / max(1, len(dead) + len(alive))


def read(report: Path | None) -> dict[str, dict[str, Any]]:
    if report is None or not report.exists():
        return {}
    return {row["id"]: row for row in map(json.loads, report.read_text().splitlines())}


def run_all(
    order: list[Mutant],
    count: int,
    jobs: int,
    report: Path | None,
    done: dict[str, dict[str, Any]],
    passes: bool,
) -> list[dict[str, Any]]:
    """The first `count` of the order that compile; what is done already is not done again."""
    lock, rows, running, trouble = threading.Lock(), [], 0, ""
    with tempfile.TemporaryDirectory(prefix="mutate-") as work, ThreadPoolExecutor(jobs) as pool:
        original = Original(Path(work).resolve(), jobs)
        todo = iter([m for m in order if original.units_of(m)])

        def write(row: dict[str, Any]) -> None:
            if report:
                with report.open("a") as out:
                    out.write(json.dumps(row) + "\n")

        def take() -> Mutant | None:
            nonlocal running
            while not trouble and running + sum(r["result"] in DEAD + ALIVE for r in rows) < count:
                if (mutant := next(todo, None)) is None:
                    break
                if mutant.id not in done:
                    running += 1
                    return mutant
                rows.append(done[mutant.id])
            return None

        def work_on(number: int) -> None:
            nonlocal running, trouble
            worker = Worker(original, f"worker{number}")
            if number == 0 and not passes and original.digest not in done:
                trouble = worker.trouble()
                write({"id": original.digest, "result": trouble or "passed"})
            while True:
                with lock:
                    mutant = take()
                if mutant is None:
                    return
                row = worker.run(mutant)
                with lock:
                    running -= 1
                    rows.append(row)
                    write(row)
                    print(f"{row['result']:15} {row['seconds']:6.1f} s  {mutant}  {row['by']}", flush=True)

        for future in [pool.submit(work_on, i) for i in range(jobs)]:
            future.result()
    if trouble:
        sys.exit(trouble)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.mutate")
    parser.add_argument("--count", type=int, default=30, help="how many mutants that compile")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="FILE", help="of src/, like src/task.c")
    parser.add_argument("--id", nargs="+", default=[], help="these mutants")
    parser.add_argument("--listed", action="store_true", help="those of tools/mutants.md")
    parser.add_argument("--show", nargs="+", default=[], metavar="ID", help="what these mutants change")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="JSON lines; what is there is not run again"
    )
    parser.add_argument("--summary", action="store_true", help="of the report, and nothing is run")
    parser.add_argument(
        "--passes",
        action="store_true",
        help="the tests are known to pass: do not begin with those of the tree as it is",
    )
    parser.add_argument(
        "--at-least",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="fail where fewer of those that can be killed are",
    )
    options = parser.parse_args()
    mutants, known, done = every_mutant(), listed(), read(options.report)
    if options.show:
        for m in mutants:
            if m.id in options.show:
                print(m, f"- {m.code}", f"+ {m.broken}", sep="\n")
        return
    wanted = known if options.listed else set(options.id)
    mutants.sort(key=lambda m: hashlib.sha256(f"{options.seed} {m.id}".encode()).digest())
    order = [
        m
        for m in mutants
        if options.only in (None, m.file)
        and (m.id in wanted if wanted else options.report or m.id not in known)
    ]
    if options.summary:
        rows = [done[m.id] for m in mutants if m.id in done]
    elif wanted:
        passed = {id_: row for id_, row in done.items() if "file" not in row}
        rows = run_all(order, len(order), options.jobs, None, passed, options.passes)
    else:
        rows = run_all(order, options.count, options.jobs, options.report, done, options.passes)
    print(summary(rows))
    dead = [r for r in rows if r["result"] in DEAD]
    open_ = [r for r in rows if r["result"] in ALIVE and r["id"] not in known]
    if share(dead, open_) < options.at_least:
        sys.exit(f"fewer than {options.at_least:.0%} of the mutants were killed")


if __name__ == "__main__":
    main()
