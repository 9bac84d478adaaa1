"""The documentation is true: its code runs, its commands are there, its links lead somewhere."""

import ast
import inspect
import pkgutil
import re
import warnings
from typing import NamedTuple

import numpy as np
import pytest

import fastloss as fl
from support import ROOT

pytestmark = pytest.mark.same_lines

if not (ROOT / "README.md").exists():
    pytest.skip("the tests came without the documentation", allow_module_level=True)

PAGES = sorted(p for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "src" / "README.md"])
README = (ROOT / "README.md").read_text()
COMMANDS = (
    'pip install ".[demo]" && python -m fastloss demo      '
    "# trains a digit classifier on real data; then the speed table of this machine",
    'pip install ".[test]" && pytest',
)
ROW_PRIMITIVES = ("softmax", "log_softmax", "logsumexp", "gather_log_softmax")
PRIMITIVES = {name: getattr(fl, name) for name in (*ROW_PRIMITIVES, "sigmoid", "log_sigmoid", "softplus")}
KINDS = {"loss": fl.losses, "metric": fl.metrics, "primitive": PRIMITIVES}
DOCUMENTED = {name: thing for family in KINDS.values() for name, thing in family.items()}
NO_FUNCTIONS = {"Accumulator", "Loss", "__version__", "evaluate", "losses", "metrics", "show_config"}
COMMON = {"reduction", "sample_weight", "normalizer", "out", "n_threads", "axis"}
NAMESPACES = {
    "torch": "torch.nn.functional",
    "optax": "optax.losses",
    "JAX": "jax.nn",
    "scikit-learn": "sklearn",
    "SciPy": "scipy",
}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def code_of(page):
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "page, code", [(page.name, code) for page in PAGES for code in code_of(page)], ids=lambda v: v[:9]
)
def test_code_runs_as_it_stands(page, code):
    named = r"^(?:import|from) (?:fastloss\.)?(torch|xgboost|lightgbm|sklearn)"
    for library in re.findall(named, code, re.MULTILINE):
        pytest.importorskip(library, reason=f"{library} is optional")
    if "fastloss.boosting" in code:
        pytest.importorskip("lightgbm", reason="lightgbm is optional")
    exec(compile(code, page, "exec"), {"__name__": page})


def test_the_readme_opens_with_out():
    first = code_of(ROOT / "README.md")[0]
    assert "out=" in first and first.count("\n") <= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_the_two_commands_are_there(command):
    assert f"    {command}" in README.splitlines()


@each_page
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert not [a for a in links if "://" not in a and not (page.parent / a).exists()]


def test_every_test_that_trust_names_is_there():
    named = re.findall(r"`(\w+/test_\w+\.py)::(\w+)`", (ROOT / "docs" / "trust.md").read_text())
    files = ROOT.glob("tests/*/test_*.py")
    names = {f"{p.parent.name}/{p.name}": re.findall(r"def (test_\w+)", p.read_text()) for p in files}
    there = {(file, name) for file in names for name in names[file]}
    assert len(named) > 20 and not sorted(set(named) - there)


class Row(NamedTuple):
    name: str
    family: str  # the section of the page
    table: str  # Formulas, Arguments or Elsewhere
    cells: dict[str, str]  # by column


def rows_of_tables():
    """The rows of those tables in docs/losses.md that have one for each loss, metric or primitive."""
    found, family, table, header = [], "", "", []
    for line in (ROOT / "docs" / "losses.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        if line.startswith("## "):
            family = line.removeprefix("## ")
        elif line.startswith("### "):
            table = line.removeprefix("### ")
        elif not line.startswith("|"):
            header = []
        elif not header:
            header = cells
        elif header[0] in KINDS and not line.startswith("|---"):
            assert len(cells) == len(header), line
            found.append(Row(cells[0].strip("`"), family, table, dict(zip(header, cells))))
    return found


def codes(text):
    return re.findall("`([^`]+)`", text)


def own_parameters(thing):
    """(positional names, {own keyword: default}) of a signature, without what all have in common."""
    parameters = inspect.signature(thing).parameters.values()
    own = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in COMMON}
    return [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY], own


def value_of(default):
    """What stands behind the = of a parameter; a required one has none."""
    name, equals, value = default.partition("=")
    return name, ast.literal_eval(value) if equals else inspect.Parameter.empty


ROWS = rows_of_tables()
ROW_LOSSES = [
    name for name, loss in fl.losses.items() if {"target", "axis"} <= {*inspect.signature(loss).parameters}
]
each_documented = pytest.mark.parametrize("name", DOCUMENTED)


def cell(name, column):
    return next(row.cells[column] for row in ROWS if row.name == name and column in row.cells)


def test_the_tables_hold_what_there_is_and_nothing_else():
    assert {*fl.__all__} - NO_FUNCTIONS == {*DOCUMENTED}
    for kind, things in KINDS.items():
        for table in ("Formulas", "Elsewhere") + ("Arguments",) * (kind == "loss"):
            assert sorted(r.name for r in ROWS if r.table == table and kind in r.cells) == sorted(things)


def test_the_tables_of_a_family_have_the_same_rows_in_one_order():
    tables = {}
    for row in ROWS:
        tables.setdefault(row.family, {}).setdefault(row.table, []).append(row.name)
    for names in tables.values():
        assert len(names) > 1 and all(these == names["Formulas"] for these in names.values())


@each_documented
def test_arguments_and_parameters_are_those_of_the_signature(name):
    positional, own = own_parameters(DOCUMENTED[name])
    assert codes(cell(name, "arguments").split(": of the")[0]) == positional
    if name in PRIMITIVES:
        assert not own
        return
    parameters = cell(name, "parameters")
    first = [codes(item)[0] for item in parameters.split("; ") if item.startswith("`")]
    assert dict(map(value_of, first)) == own
    assert len(first) == len(own) and (own or parameters == "none")


@pytest.mark.parametrize("name", fl.losses)
def test_a_hessian_is_documented_where_there_is_one(name):
    assert (cell(name, "Hessian") != "-") == hasattr(fl.losses[name], "grad_and_hess")
    assert ("`hvp`" in cell(name, "Hessian")) == hasattr(fl.losses[name], "hvp")


@pytest.mark.parametrize("name", fl.losses)
def test_the_other_argument_has_a_gradient_where_there_is_one(name):
    assert ("; by " in cell(name, "gradient")) == hasattr(fl.losses[name], "value_and_grads")


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_with_a_gradient_says_so(name):
    assert (cell(name, "gradient") != "-") == hasattr(PRIMITIVES[name], "value_and_grad")


@pytest.mark.parametrize("kind, target", [("labels", np.array([0, 2])), ("soft", np.eye(3)[:2])])
@pytest.mark.parametrize("name", ROW_LOSSES)
def test_labels_or_soft_targets_as_it_is_said(name, kind, target):
    scores = np.log(np.full((2, 3), 1 / 3)) if "log" in cell(name, "arguments") else np.full((2, 3), 1 / 3)
    if kind in cell(name, "arguments"):
        assert np.isfinite(fl.losses[name](scores, target))
    else:
        with pytest.raises(TypeError, match="target"):
            fl.losses[name](scores, target)


@pytest.mark.parametrize("name", fl.losses)
def test_intercept_and_inverse_link_are_there_as_it_is_said(name):
    loss, required = fl.losses[name], {"var": 1.0} if name == "gaussian_nll" else {}
    target = np.array([1, 1]) if "`target`: soft" not in cell(name, "arguments") else np.eye(3)[:2]
    raw = np.array([0.25, 0.75])
    if cell(name, "intercept") == "none":
        with pytest.raises(AttributeError, match=name):
            loss.intercept(target)
    else:
        assert not np.isnan(loss.intercept(target, **required)).any()
    if cell(name, "inverse link") == "none":
        with pytest.raises(AttributeError, match=name):
            loss.inverse_link(raw)
    else:
        assert (cell(name, "inverse link") == "identity") == np.array_equal(loss.inverse_link(raw), raw)


def peers():
    """(library, name as written) of each peer in the tables that can be looked up."""
    found = {}
    for row in ROWS:
        for part in row.cells.get("others call it", "").split("; "):
            library, _, names = part.partition(" ")
            if library in NAMESPACES:
                found |= {(library, name): None for name in codes(names)}
    return list(found)


@pytest.mark.parametrize("library, name", peers(), ids=lambda v: v)
def test_a_peer_that_the_table_names_is_there(library, name):
    namespace = NAMESPACES[library]
    pytest.importorskip(namespace.split(".")[0])
    path, _, keywords = name.removesuffix(")").partition("(")
    thing = pkgutil.resolve_name(path if path.startswith("torch.") else f"{namespace}.{path}")
    options = {k: ast.literal_eval(v) for k, v in re.findall(r"(\w+)=([^,]+)", keywords)}
    if options:
        inspect.signature(thing).bind_partial(**options)
    if hasattr(thing, "fit"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence
            thing(**options).fit(np.arange(40.0).reshape(-1, 1) / 40, np.tile([1, 2], 20))


def test_the_peers_are_looked_up():
    libraries = [library for library, _ in peers()]
    assert all(libraries.count(library) >= 4 for library in NAMESPACES)


@each_documented
def test_the_readme_names_all(name):
    assert f"`{name}`" in README


def test_every_kernel_is_used():
    """The other way round, a loss without its kernel does not even import."""
    inside = {
        "poisson_rate": "poisson",
        "rank": "accuracy",
        "gaussian_nll_of_number": "gaussian_nll",
        "binary_focal_of_squares": "binary_focal",
        "focal_of_squares": "focal",
        "plain_binary_cross_entropy_with_logits": "binary_cross_entropy_with_logits",
    }
    assert {inside.get(name, name) for name in fl._core.kernels()} <= {*DOCUMENTED}
