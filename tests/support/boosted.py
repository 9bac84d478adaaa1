"""What the tests of boosting share: the objectives of both libraries, and a dataset as theirs look."""

import numpy as np
import pytest

from fastloss.boosting import lightgbm_objective, xgboost_objective

OBJECTIVES = {"xgboost": xgboost_objective, "lightgbm": lightgbm_objective}
each_library = pytest.mark.parametrize("library", ["xgboost", "lightgbm"])


class Dataset:
    """What the libraries' own classes have."""

    def __init__(self, label, weight=None):
        self.label, self.weight, self.copies = np.asarray(label, "f4"), weight, False

    def get_label(self):
        return self.label.copy() if self.copies else self.label

    def get_weight(self):
        return self.weight
