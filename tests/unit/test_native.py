"""What native code asks of the sources, checked without a compiler: it takes minutes, and so is no part of `make test`."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOT_PATH = re.findall(r'^    "([a-z_/]+)\.py",$', (ROOT / "setup.py").read_text(), re.MULTILINE)


def members(source: str) -> list[tuple[str, str]]:
    """The named tuples of a module, each with a name that one of its fields has for its type."""
    return [
        (kind.name, member.annotation.id)
        for kind in ast.walk(ast.parse(source))
        if isinstance(kind, ast.ClassDef) and "NamedTuple" in [ast.unparse(base) for base in kind.bases]
        for member in kind.body
        if isinstance(member, ast.AnnAssign) and isinstance(member.annotation, ast.Name)
    ]


def test_the_hot_path_is_read() -> None:
    """The list is that of setup.py, and there are named tuples in it."""
    assert len(HOT_PATH) > 50
    assert any(members((ROOT / f"{path}.py").read_text()) for path in HOT_PATH)


@pytest.mark.parametrize("path", HOT_PATH)
def test_named_tuples_know_their_types(path: str) -> None:
    """Native code looks a field's type up when the module is loaded, so it must be imported, not only for type checkers."""
    module = importlib.import_module(path.replace("/", "."))
    known = vars(builtins) | vars(module)
    unknown = [each for each in members((ROOT / f"{path}.py").read_text()) if each[1] not in known]
    assert not unknown
