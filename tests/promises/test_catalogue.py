"""No promise leaves out a loss: the catalogue has all objects of the registry, with all their methods."""

import pytest

import fastloss as fl
from support import catalogue
from support.catalogue import METHODS, PRIMITIVES, REGISTRY, TABLE, VARIANTS

pytestmark = [pytest.mark.memory_safety, pytest.mark.same_lines]


def test_every_object_has_arguments():
    """A new loss fails here until it has its line in cases.py."""
    assert set(TABLE) == set(REGISTRY)
    named = {n for n in fl.__all__ if n not in ("Loss", "__version__", "losses", "metrics", *catalogue.APART)}
    assert named == set(REGISTRY) and set(PRIMITIVES) == named - {*fl.losses, *fl.metrics}


def test_every_method_is_called():
    for name, thing in REGISTRY.items():
        if name in PRIMITIVES and not hasattr(thing, "value_and_grad"):
            continue  # a plain function
        public = {m for m in dir(thing) if not m.startswith("_") and callable(getattr(thing, m))}
        tried = {
            f.method
            for (n, _), subjects in VARIANTS.items()
            if n == name
            for s in subjects
            for f in catalogue.functions(s)
        }
        assert public - {"intercept", "inverse_link", "bind"} == tried - {""} <= set(METHODS), name
