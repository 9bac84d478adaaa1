"""The documentation is true: its code runs, its commands are there, its links lead somewhere."""

import re
from pathlib import Path

import pytest

import fastloss as fl

ROOT = Path(__file__).parents[1]
if not (ROOT / "README.md").exists():
    pytest.skip("the tests came without the documentation", allow_module_level=True)

PAGES = sorted(p for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "src" / "README.md"])
README = (ROOT / "README.md").read_text()
COMMANDS = (
    'pip install ".[demo]" && python -m fastloss demo      '
    "# trains a digit classifier on real data; then the speed table of this machine",
    'pip install ".[test]" && pytest',
)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def code_of(page):
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "page, code", [(page.name, code) for page in PAGES for code in code_of(page)], ids=lambda v: v[:9]
)
def test_code_runs_as_it_stands(page, code):
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
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", (ROOT / "docs" / "trust.md").read_text())
    files = {p.name: re.findall(r"def (test_\w+)", p.read_text()) for p in ROOT.glob("tests/test_*.py")}
    there = {(file, name) for file, names in files.items() for name in names}
    assert len(named) > 20 and not sorted(set(named) - there)


def test_every_loss_and_primitive_is_in_the_table():
    table = (ROOT / "docs" / "losses.md").read_text()
    names = [n for n in fl.__all__ if n not in ("__version__", "losses", "show_config")]
    assert not [n for n in names if f"`{n}`" not in table or f"`{n}`" not in README]


def test_every_kernel_is_a_loss():
    """The other way round, a loss without its kernel does not even import."""
    assert not [name for name in fl._core.elementwise_kernels() if name not in fl.losses]
