"""What the tests share. Nothing is imported from a test module: what two of them need stands here."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
