"""Project rules that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from soundscape_site.settings.paths import BASE_DIR

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
GRAB_BAGS = {"utils", "helpers", "common", "misc"}
APPS = ("soundscape_site", "labelling", "retrieval", "accounts")

SOURCES = sorted(
    path
    for app in APPS
    for path in (BASE_DIR / app).rglob("*.py")
    if not {"migrations", "tests"} & set(path.relative_to(BASE_DIR).parts)
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_modules_and_functions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= MAX_MODULE_LINES
    assert path.stem not in GRAB_BAGS
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= MAX_FUNCTION_LINES, node.name


def test_public_service_functions_take_keyword_only_arguments():
    positional = [
        f"{path.stem}.{node.name}"
        for app in APPS
        for path in (BASE_DIR / app / "services").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and (node.args.posonlyargs or node.args.args or node.args.vararg)
    ]
    assert positional == []


def test_views_build_no_querysets():
    pattern = re.compile(
        r"get_(object|list)_or_404|\.objects\b|\.(all|exists)\(\)|\.(filter|order_by|select_related)\("
        r"|\.get\(\w+="
    )
    found = [
        f"{path.name}: {line.strip()}"
        for app in APPS
        for path in (BASE_DIR / app / "views").rglob("*.py")
        for line in path.read_text().splitlines()
        if pattern.search(line)
    ]
    assert found == []


def test_imports_go_one_way():
    result = subprocess.run(
        ["lint-imports", "--no-cache"], cwd=BASE_DIR, capture_output=True, text=True,
        env={"PATH": f"{BASE_DIR}/.venv/bin:{sys.prefix}/bin", "PYTHONPATH": str(BASE_DIR)},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


WEB = """
import soundscape_site.wsgi, soundscape_site.web.server
from django.urls import get_resolver
get_resolver()._populate()
"""
WORKERS_PARENT = """
import django
from soundscape_site.celery import app
django.setup()
app.loader.import_default_modules()
assert "soundscape_site.worker.lifecycle" in sys.modules
assert "inference.find_sounds_for_scene" in app.tasks
"""


@pytest.mark.parametrize("process", [WEB, WORKERS_PARENT], ids=["web", "worker's parent"])
def test_heavy_libraries_are_imported_by_child_processes_alone(tmp_path, process):
    heavy = {
        "tensorflow", "keras", "ai_edge_litert", "librosa", "numba", "scipy", "pyarrow", "pandas",
        "pymilvus",
    }  # fmt: skip
    script = f"import sys\n{process}\nprint(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=BASE_DIR, capture_output=True, text=True,
        env={
            "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local",
            "SOUNDSCAPE_VAR_DIR": str(tmp_path),
            "PYTHONPATH": str(BASE_DIR),
        },
    )  # fmt: skip
    assert result.stdout.strip() == "[]", result.stderr
