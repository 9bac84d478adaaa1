"""Builds fastloss._core; every word of metadata is in pyproject.toml.

Environment: CC, CFLAGS as usual; FASTLOSS_OPENMP=0|1 builds without threads or insists on them;
FASTLOSS_SANITIZE=1 adds the address and undefined-behaviour sanitizers (gcc; preload its libasan), "thread"
that of data races (preload its libtsan); FASTLOSS_COVERAGE=1 lets coverage see the lines of _core.pyx,
slowly; FASTLOSS_BUILD_ISAS="avx2" builds these instruction sets and the baseline, not all that the compiler
has.
"""

import os
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

# An instruction set is one line: its name, the macro that tells that compiler and target have it, and
# the flags that allow it. src/kernels.c is compiled with them once a dtype, and src/dispatch.c, which
# needs a line too, with -DFL_HAVE_<NAME>. "baseline" is what every processor of the target runs.
INSTRUCTION_SETS = [
    ("baseline", None, []),
    ("avx2", "__AVX2__", "-mavx2 -mfma -mf16c".split()),
    (
        "avx512",
        "__AVX512F__",
        "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512".split(),
    ),
]
CORE = [f"src/{name}.c" for name in ("dispatch", "call", "process", "task", "scan", "pool", "openmp")]

# Never -ffast-math: it breaks NaN and sets flush-to-zero for the whole process. -iquote and not -I, so that
# no header of src/ can hide one of the system's. -g0: Python's own -g costs 6 MB and a third of the time.
FLAGS = (
    "-iquote src -O3 -g0 -ffp-contract=off -fno-math-errno -fno-trapping-math "
    "-fvisibility=hidden -fopenmp-simd -pthread"
).split()
# gcc follows a choice between two numbers into the next one, makes branches of both and computes each in its
# vectors: without this the Poisson loss takes 1.6 times as long. Clang has no such switch.
OF_GCC = ["-fno-thread-jumps"]
IS_GCC = "#if !defined(__GNUC__) || defined(__clang__)\n#error another compiler\n#endif\nint x;\n"
STRICT = "-std=c11 -Wall -Wextra".split()  # for our C, not for what Cython writes
# Python's own CFLAGS hold -fwrapv, which would hide signed overflow; -O1 keeps the build short.
SANITIZE = {
    "1": "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-wrapv -fno-omit-frame-pointer -O1 -g",
    "thread": "-fsanitize=thread -fno-omit-frame-pointer -O1 -g",
}
TRACED = os.environ.get("FASTLOSS_COVERAGE") == "1"
OPENMP_PROBE = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"


class BuildExt(build_ext):
    def finalize_options(self):
        super().finalize_options()
        self.force = True  # else an edit in src/, another CC or another switch reuses the old object

    def run(self):
        super().run()
        if not self.inplace:  # python started in the clone imports the fastloss/ that lies here
            self.copy_extensions_to_source()

    def build_extension(self, ext):
        self.ask_for_a_compiler()
        from Cython.Build import cythonize

        [ext_c] = cythonize(
            ext,
            build_dir="build/cython",
            force=True,
            compiler_directives={
                "language_level": 3,
                "boundscheck": False,
                "wraparound": False,
                "cdivision": True,
                "initializedcheck": False,
                "freethreading_compatible": True,
                "linetrace": TRACED,
            },
        )
        ext.sources = ext_c.sources

        openmp = self.openmp_flags()
        sanitize = SANITIZE.get(os.environ.get("FASTLOSS_SANITIZE", ""), "").split()
        found = [(isa, flags) for isa, macro, flags in self.wanted_sets() if self.target_has(macro, flags)]

        straight = OF_GCC if self.probe(IS_GCC, OF_GCC) else []
        # One output folder a table: six objects called kernels.o would overwrite each other.
        jobs = [
            (["src/kernels.c"], f"{isa}_{bits}", [*straight, *flags, f"-DFL_ISA={isa}", f"-DFL_BITS={bits}"])
            for isa, flags in reversed(found)
            for bits in (64, 32)
        ]
        jobs.append((CORE, "core", [*openmp, *(f"-DFL_HAVE_{isa.upper()}" for isa, _ in found)]))

        def compile_one(job):
            sources, folder, flags = job
            return self.compiler.compile(
                sources,
                output_dir=f"{self.build_temp}/{folder}",
                extra_postargs=[*FLAGS, *STRICT, *flags, *sanitize],
            )

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            ext.extra_objects = [name for names in pool.map(compile_one, jobs) for name in names]
        ext.extra_compile_args = [*FLAGS, *openmp, *sanitize, *["-DCYTHON_TRACE_NOGIL=1"] * TRACED]
        ext.extra_link_args = ["-pthread", *openmp, *sanitize]
        super().build_extension(ext)

    def ask_for_a_compiler(self):
        """Says what to install before anything else fails for the want of it."""
        if not self.probe("int x;\n", []):
            command = " ".join(getattr(self.compiler, "compiler", ["cl"])[:1])
            raise CompileError(
                f"fastloss needs a C compiler, and {command!r} compiles nothing here: install "
                "gcc or clang (Debian, Ubuntu: apt install build-essential; Fedora: dnf "
                "install gcc; macOS: xcode-select --install), or name yours in CC"
            )
        include = [f"-I{folder}" for folder in self.include_dirs]
        if not self.probe("#include <Python.h>\nint x;\n", include):
            raise CompileError(
                "fastloss needs the headers of Python (Python.h), which are not here: install "
                "them (Debian, Ubuntu: apt install python3-dev; Fedora: dnf install "
                "python3-devel)"
            )

    def wanted_sets(self):
        names = [isa for isa, _, _ in INSTRUCTION_SETS]
        wanted = os.environ.get("FASTLOSS_BUILD_ISAS", " ".join(names)).split()
        for isa in set(wanted) - set(names):
            raise CompileError(f"FASTLOSS_BUILD_ISAS = {isa!r} is unknown: it may hold {', '.join(names)}")
        return [s for s in INSTRUCTION_SETS if s[0] in wanted or s[1] is None]

    def openmp_flags(self):
        wanted = os.environ.get("FASTLOSS_OPENMP", "")
        if wanted == "0":
            return []
        if self.probe(OPENMP_PROBE, ["-fopenmp"], link=True):
            return ["-fopenmp"]
        if wanted == "1":
            raise CompileError("FASTLOSS_OPENMP=1, but -fopenmp does not compile and link")
        warnings.warn(
            "OpenMP not found (-fopenmp does not compile and link): built without. "
            "The team of fastloss's own has threads all the same.",
            stacklevel=2,
        )
        return []

    def target_has(self, macro, flags):
        if macro is None or self.probe(f"#ifndef {macro}\n#error no {macro}\n#endif\nint x;\n", flags):
            return True
        print(f"fastloss: this compiler or target has no {macro}; built without")
        return False

    def probe(self, program, flags, link=False):
        """Does it compile, and link if asked? A compiler may know -fopenmp and lack its library."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(program)
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, extra_postargs=flags)
                if link:
                    self.compiler.link_executable(objects, "probe", output_dir=folder, extra_postargs=flags)
            except (CompileError, LinkError):
                return False
        return True


setup(
    ext_modules=[Extension("fastloss._core", ["fastloss/_core.pyx"], libraries=["m", "dl"])],
    cmdclass={"build_ext": BuildExt},
)
