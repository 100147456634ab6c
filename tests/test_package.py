"""`import rlcodec` has the names that it declares, and loads what they need when they are used."""

import ast
import inspect
import subprocess
import sys

import pytest

import rlcodec


def printed_by(program: str) -> str:
    """What a Python program prints in a process of its own."""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_all_names_exist_and_are_listed():
    assert all(getattr(rlcodec, name) is not None for name in rlcodec.__all__)
    assert set(rlcodec.__all__) <= set(dir(rlcodec))
    assert rlcodec.__all__ == sorted(rlcodec.__all__)


def test_type_checkers_see_the_same_names():
    imports = [node for node in ast.walk(ast.parse(inspect.getsource(rlcodec))) if isinstance(node, ast.ImportFrom)]
    typed = {alias.name: node.module for node in imports for alias in node.names if (node.module or "").startswith("rlcodec.")}
    assert sorted(typed) == rlcodec.__all__
    assert all(getattr(rlcodec, name) is getattr(sys.modules[module], name) for name, module in typed.items())


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="'rlcodec' has no attribute 'nothing'"):
        _ = rlcodec.nothing
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from rlcodec import nothing  # noqa: F401


def test_importing_loads_no_library():
    program = "import sys, rlcodec; print(*sorted({'numpy', 'PIL', 'safetensors', 'onnxruntime'} & set(sys.modules)))"
    assert printed_by(program) == ""


def test_a_name_and_a_module_can_be_imported_from_it():
    assert printed_by("from rlcodec import StreamError, errors; print(StreamError is errors.StreamError)") == "True"
    assert printed_by("from rlcodec import *; print(Collection.__module__)") == "rlcodec.archive.reader"
