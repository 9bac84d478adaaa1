"""The losses of two vectors: norms that neither overflow nor vanish, both gradients, sides."""

import numpy as np
import pytest

import fastloss as fl
from support.cases import VECTORS, make, seeded
from support.layouts import DTYPES, same_bits
from support.rows import assert_same, check, each_dtype

pytestmark = [pytest.mark.numbers, pytest.mark.same_lines, pytest.mark.all_kernels(5)]


@each_dtype
@pytest.mark.parametrize("classes", [1, 2, 10, 65, 1100])
def test_a_zero_vector_has_cosine_zero_and_gradient_zero(classes, dtype):
    a, b = make(seeded(6), "cosine_distance", "vectors", (8,), classes, dtype)
    a[1], b[2], a[3], b[3] = 0, 0, 0, 0
    with np.errstate(all="raise"):
        value, (first, second) = fl.cosine_distance.value_and_grads(a, b, reduction="none")
    assert (value[1:4] == 1).all() and (first[1:4] == 0).all() and (second[1:4] == 0).all()
    check("cosine_distance", [a, b])
    check("cosine_embedding", [a, b, np.array([1, 1, -1, 1, -1, -1, 1, -1])], reduction="none")
    value = fl.cosine_embedding(a, b, np.array([1, 1, -1, 1, -1, -1, 1, -1]), margin=-0.5, reduction="none")
    assert value[1:4].tolist() == [1, 0.5, 1]


@pytest.mark.parametrize(
    "dtype, sizes", [("f4", (1e30, 1e-30)), ("f8", (1e200, 1e-200))], ids=["float32", "float64"]
)
@pytest.mark.parametrize("classes", [2, 10, 64, 65, 1100])
def test_norms_neither_overflow_nor_vanish(classes, dtype, sizes):
    rng = seeded(7)
    for big in sizes:
        for other in (1.0, *sizes):
            a, b = make(rng, "cosine_distance", "vectors", (8,), classes, np.dtype(dtype))
            a, b = a * a.dtype.type(big), b * b.dtype.type(other)
            with np.errstate(all="raise"):
                check("cosine_distance", [a, b], reduction="none")
    assert fl.cosine_distance(a, a) == pytest.approx(0, abs=4 * float(np.finfo(dtype).eps))
    assert fl.cosine_distance(a, -a) == pytest.approx(2, rel=4 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_norms_of_one_huge_entry_beside_small_ones(dtype):
    info = np.finfo(dtype)
    a = np.array([[info.max, 1, 0], [info.max, info.max, info.max], [info.smallest_normal * 4, 0, 0]], dtype)
    b = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1]], dtype)
    value = fl.cosine_distance(a, b, reduction="none")
    np.testing.assert_allclose(value, [1 - 0.5**0.5, 0, 1 - 0.5**0.5], rtol=8 * info.eps, atol=4 * info.eps)


@pytest.mark.parametrize("name", VECTORS)
@each_dtype
def test_gradients_of_both_vectors_go_where_they_are_told(name, dtype):
    loss = fl.losses[name]
    for classes in (10, 70):
        arrays = make(seeded(8), name, "vectors", (33,), classes, dtype)
        value, (first, second) = loss.value_and_grads(*arrays)
        outs = (np.full(arrays[0].shape, 7, dtype), np.full((*arrays[0].shape, 2), 7, dtype)[..., 0])
        value2, got = loss.value_and_grads(*arrays, outs=outs)
        assert value == value2 and got[0] is outs[0] and got[1] is outs[1]
        assert same_bits(outs[0], first) and same_bits(outs[1], second)
        inside = [a.copy() for a in arrays]
        _, (g1, g2) = loss.value_and_grads(*inside, outs=(inside[0], None))
        assert g1 is inside[0] and same_bits(g1, first) and same_bits(g2, second)
        inside = [a.copy() for a in arrays]
        _, (g1, g2) = loss.value_and_grads(*inside, outs=(None, inside[0]))
        assert g2 is inside[0] and same_bits(g1, first) and same_bits(g2, second)
        check(name, arrays, sample_weight=seeded(9).integers(0, 3, 33) / 2)


@pytest.mark.parametrize("name", VECTORS)
def test_outs_are_checked(name):
    arrays = make(seeded(10), name, "vectors", (3,), 4, np.dtype("f8"))
    out, small = np.full((3, 4), 7.0), np.full((3, 3), 7.0)
    for outs in ((out, small), (small, out), (out, out), (out,), out):
        with pytest.raises((TypeError, ValueError), match="out"):
            fl.losses[name].value_and_grads(*arrays, outs=outs)
    assert (out == 7).all() and (small == 7).all()


def test_second_vectors_of_another_dtype():
    a, b = make(seeded(11), "cosine_distance", "vectors", (20,), 10, np.dtype("f4"))
    for dtype in DTYPES:
        check("cosine_distance", [a, b.astype(dtype).astype("f4")])
        assert fl.cosine_distance(a, b.astype(dtype)) == fl.cosine_distance(a, b.astype(dtype).astype("f4"))


@pytest.mark.parametrize("sides", ["i1", "i8", "f4", "f8", "f2"])
def test_sides_of_any_signed_dtype(sides):
    a, b, y = make(seeded(12), "cosine_embedding", "vectors", (20,), 10, np.dtype("f4"))
    want = fl.cosine_embedding.value_and_grad(a, b, y)
    assert_same(fl.cosine_embedding.value_and_grad(a, b, y.astype(sides)), want)


@pytest.mark.parametrize("wrong", [0, 2, -2])
def test_a_side_is_plus_or_minus_one(wrong):
    a, b, y = make(seeded(13), "cosine_embedding", "vectors", (6,), 4, np.dtype("f8"))
    out = np.full((6, 4), 7.0)
    y[4] = wrong
    with pytest.raises(ValueError, match=rf"y\[4\] = {wrong}"):
        fl.cosine_embedding.value_and_grad(a, b, y, out=out)
    with pytest.raises(ValueError, match=r"y\[4\] = nan"):
        fl.cosine_embedding.grad(a, b, np.where(y == wrong, np.nan, y), out=out)
    with pytest.raises(ValueError, match=r"y has shape \(6, 4\)"):
        fl.cosine_embedding.grad(a, b, np.ones((6, 4)), out=out)
    assert (out == 7).all()


def test_vectors_have_one_shape():
    with pytest.raises(ValueError, match=r"x2 has shape \(2, 4\)"):
        fl.cosine_distance(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(TypeError, match="y"):
        fl.cosine_embedding(np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.memory_safety
def test_a_row_of_huge_vectors_does_not_rescale_its_neighbours():
    a, b = np.array([[2.0**-39, 0]], "f4"), np.array([[2.0**39, 2.0**-120]], "f4")
    alone = fl.cosine_distance.grad(a, b, reduction="sum")
    beside = fl.cosine_distance.grad(
        np.r_[a, np.float32([[1e30, 0]])], np.r_[b, np.float32([[1, 1]])], reduction="sum"
    )
    assert alone[0, 1] != 0 and np.array_equal(alone[0], beside[0])


@pytest.mark.memory_safety
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_zero_vector_does_not_hide_a_bad_one(bad):
    value, (first, second) = fl.cosine_distance.value_and_grads([bad, 1.0], [0.0, 0.0])
    assert np.isnan(value) and np.isnan(first).all() and np.isnan(second).all()


@pytest.mark.memory_safety
def test_a_vector_is_not_nearer_to_itself_than_zero():
    x = np.random.default_rng(0).standard_normal((500, 7))
    assert (fl.cosine_distance(x, x, reduction="none") >= 0).all()


@pytest.mark.memory_safety
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [2, 3, 65])
def test_cosines_of_subnormal_vectors(dtype, d):
    tiny = float(np.finfo(dtype).smallest_normal)
    for size in (tiny / 4, tiny, 1.0):
        x1 = np.full((1, d), size, dtype)
        x2 = np.arange(1, d + 1, dtype=dtype)[None] * dtype(size)
        value, (first, second) = fl.cosine_distance.value_and_grads(x1, x2)
        a, b = x1[0] / dtype(size), x2[0] / dtype(size)
        a, b = a.astype(np.longdouble), b.astype(np.longdouble)
        c = (a @ b) / np.sqrt((a @ a) * (b @ b))
        want = [
            (c * u / np.sqrt(u @ u) - v / np.sqrt(v @ v)) / np.sqrt(u @ u) / np.longdouble(size)
            for u, v in ((a, b), (b, a))
        ]
        assert abs(value - float(1 - c)) < 1e-6
        for got, exact in zip((first[0], second[0]), want):
            most = abs(exact).max() * 100 * np.finfo(dtype).eps
            assert (abs(got - exact) <= most).all(), (size, got, exact)
