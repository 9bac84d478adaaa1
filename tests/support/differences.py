"""P7's own oracle: derivatives from values at four points."""

import numpy as np

STEP = 1e-3  # the four-point formula is then good to about 1e-12, far below the tolerance


def difference(f, x, direction):
    """f'(x) along `direction`, to fourth order; f may return an array."""
    h = STEP * direction
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * STEP)


def differences(f, x):
    """d f / d x[i] for each entry i, stacked in the shape of x."""
    slopes = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = 1
        slopes.append(difference(f, x, e.reshape(x.shape)))
    return np.array(slopes).reshape(x.shape + np.shape(slopes[0]))


def assert_close(got, want, value):
    np.testing.assert_allclose(got, want, rtol=5e-6, atol=1e-9 * max(1, abs(value)))
