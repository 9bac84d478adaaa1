"""P5, the same bits from every instruction set with fma, every compiler and every version from now on:
digests of all results on fixed inputs against those of tests/data/golden.json. The baseline of x86-64 has no
fma and is left out."""

import json

import numpy as np
import pytest

import fastloss as fl
from support import DATA, catalogue, digests
from support.layouts import child

pytestmark = [
    pytest.mark.beyond_bits,
    pytest.mark.without_openmp,
    pytest.mark.same_lines,
    pytest.mark.all_kernels(1),
]

GOLDEN = json.loads((DATA / "golden.json").read_text())
WITH_FMA = [isa for isa in fl._core.isas() if isa in ("avx2", "avx512", "neon")]
HINT = "if the bits were meant to change, or a loss is new: python tools/golden.py"


def test_every_result_has_a_digest():
    want = {
        f"{digests.name_of(subject, dtype)} {meaning}"
        for variants in catalogue.VARIANTS.values()
        for subject in variants
        for dtype in digests.BITS
        for function in catalogue.functions(subject)
        for meaning in function.results
    }
    assert sorted(want ^ set(GOLDEN["digests"])) == [], HINT


@pytest.mark.parametrize("isa", WITH_FMA)
def test_the_bits_are_those_of_golden_json(isa):
    done = child("from support import digests; digests.main()", FASTLOSS_ISA=isa)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    same_library = found["libm"] == GOLDEN["libm"]
    changed = [
        name
        for name, digest in GOLDEN["digests"].items()
        if found["digests"][name] != digest
        and (same_library or name.split("(")[0] not in digests.THROUGH_LIBM)
    ]
    assert changed == [], HINT


def test_inputs_are_exact_and_do_not_change():
    """Each is a multiple of a power of two that its dtype holds; the generator is the one it says it is."""
    for dtype, bits in digests.BITS.items():
        for low, high in ((-8, 8), (0, 1), (-16, 0), (-1, 1)):
            x = digests.Integers("range").between(low, high, (2000,), dtype).astype("f8")
            assert (x >= low).all() and (x < high).all() and len(np.unique(x)) > 100
            assert (np.ldexp(x, bits) % 1 == 0).all()
    words = digests.Integers("")
    words.state = np.uint64(1234567)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert words.words((3,)).tolist() == published
