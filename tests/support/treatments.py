"""Ways to lay an array, for hypothesis to draw."""

import numpy as np
from hypothesis import strategies as st

from support.layouts import BFLOAT16, fortran, misaligned, placed


@st.composite
def treatments(draw):
    """A way to lay an array that changes no value, or only by repeating."""
    kind = draw(
        st.sampled_from(
            ["placed", "placed", "misaligned", "fortran", "repeated", "swapped", "subclass", "read-only"]
        )
    )
    offset, seed, axis = draw(st.integers(0, 70)), draw(st.integers(0, 99)), draw(st.integers(0, 2))

    class Tagged(np.ndarray):
        pass

    def lay(array):
        array = np.asarray(array)
        rng = np.random.default_rng([seed, array.ndim])
        if kind == "placed":
            steps = rng.choice([-3, -1, 1, 1, 2], array.ndim)
            return placed(array, offset, steps, rng.permutation(array.ndim))
        if kind == "repeated" and array.ndim and array.size:
            at = axis % array.ndim
            return np.broadcast_to(array.take([0], at), array.shape)
        if kind == "swapped":
            return array.astype(array.dtype.newbyteorder()) if array.dtype != BFLOAT16 else array
        if kind == "subclass":
            return array.view(Tagged)
        if kind == "read-only":
            array = array.copy()
            array.flags.writeable = False
            return array
        return {"misaligned": misaligned, "fortran": fortran}.get(kind, np.copy)(array)

    return lay
