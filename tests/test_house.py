"""The house's own rules: packages earn their place, contracts hold, nothing names a machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("api", "domain", "workers", "plugins", "benchmarks")
EARNED = (
    "asyncpg",
    "dramatiq",
    "fastapi",
    "numpy",
    "pluggy",
    "redis",
    "scipy",
    "sqlmodel",
    "statsmodels",
    "strawberry",
)
"""Packages that the product is built on. stripe joins them with billing."""


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("package", EARNED)
def test_package_is_imported_by_the_product(package: str) -> None:
    product = [path for source in SOURCES[:4] for path in (ROOT / source).rglob("*.py")]
    assert any(package in _imported(path) for path in product)


def test_import_contracts_hold() -> None:
    run = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_no_tracked_file_names_a_registry_or_this_machine() -> None:
    registries = re.compile("|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "registry\\." + "npmjs"]))
    for path in _tracked():
        if path.suffix in {".png", ".npz", ".ico"}:
            continue
        text = path.read_text(errors="replace")
        assert not registries.search(text), f"{path} names a registry host"
        assert str(ROOT) + "/" not in text, f"{path} names a path of this machine"


def test_no_lock_file_is_tracked() -> None:
    assert not [path for path in _tracked() if path.name in {"uv.lock", "poetry.lock", "package-lock.json"}]


def test_top_level_is_the_agreed_one() -> None:
    present = {path.relative_to(ROOT).parts[0] for path in _tracked()}
    agreed = {"api", "plugins", "domain", "workers", "tests", "schema.graphql", "pyproject.toml", "README.md"}
    assert agreed <= present
    deployment = {".dockerignore", ".env.example", "Dockerfile", "compose.yaml"}
    beside = {"benchmarks", ".ci", ".github", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"}
    assert present - agreed <= deployment | beside


def test_every_folder_has_a_readme() -> None:
    for folder in ("api", "benchmarks", "domain", "plugins", "tests", "workers"):
        assert (ROOT / folder / "README.md").is_file(), f"{folder}/README.md is missing"
