"""Packages of strangers: on the path as if installed. One that needs what is not installed here is left out."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent

sys.path += [str(HERE / name) for name in ("acme_cards", "acme_forest")]
collect_ignore = [] if find_spec("sklearn") else ["acme_forest"]
