"""What P6 promises of the core's own functions, and where."""

import numpy as np

F8 = np.dtype("f8")

# What P6 promises in ULP, and the domain of the promise.
FUNCTIONS = {
    "exp": (1.0, -104.0, 88.7),
    "exp_nonpositive": (1.0, -104.0, 0.0),
    "log": (1.0, 0.0, np.inf),
    "log1p": (1.0, -1.0, np.inf),
    "tanh": (2.0, -np.inf, np.inf),
    "sinh": (2.0, -89.0, 89.0),
}
DOMAIN_F8 = {"exp": (-745.0, 709.7), "exp_nonpositive": (-745.0, 0.0), "sinh": (-710.0, 710.0)}
ULP_F8 = 1.5


def domain(name, dtype):
    return DOMAIN_F8.get(name, FUNCTIONS[name][1:]) if dtype == F8 else FUNCTIONS[name][1:]
