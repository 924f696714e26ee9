"""The structure holds: who imports whom, how long files and functions are, what is forbidden everywhere."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = sorted((ROOT / "lib").rglob("*.py"))
JOBS = sorted(path for path in (ROOT / "jobs").glob("*.py") if path.name != "__init__.py")
DAGS = sorted((ROOT / "airflow_dags").glob("*.py"))
SOURCES = [*LIBRARY, *JOBS, *DAGS]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    yield from (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef))


def body_lines(function: ast.FunctionDef) -> int:
    first = function.body[1 if ast.get_docstring(function) and len(function.body) > 1 else 0]
    return (function.body[-1].end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_are_short(path: Path) -> None:
    """At most 300 lines a file and 40 a function body."""
    assert len(path.read_text().splitlines()) <= 300
    assert [f.name for f in functions(path) if body_lines(f) > 40] == []


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_no_library_module_imports_a_job(path: Path) -> None:
    """Jobs stand on the library, never the other way round."""
    assert [module for module in imported(path) if module.startswith("semid.jobs")] == []


@pytest.mark.parametrize("path", DAGS, ids=name)
def test_a_dag_imports_airflow_and_the_standard_library_only(path: Path) -> None:
    """Beside their own `submit`: Airflow's environment has neither semid nor its packages."""
    roots = {module.split(".")[0] for module in imported(path)}
    assert roots <= {"airflow", "submit"} | sys.stdlib_module_names


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_pickle(path: Path) -> None:
    """No format that runs code when it is read."""
    assert {"pickle", "joblib", "shelve", "dill"}.isdisjoint(imported(path))
    assert "torch.load" not in path.read_text()


@pytest.mark.parametrize("path", JOBS, ids=name)
def test_a_job_is_a_page(path: Path) -> None:
    """A docstring with Reads, Writes and Exit codes, `arg_parser`, a `main` of at most 30 lines, and `JOB`."""
    tree = ast.parse(path.read_text())
    doc = ast.get_docstring(tree) or ""
    assert all(word in doc for word in ("Reads:", "Writes:", "Exit codes:"))
    assert {f.name for f in functions(path)} == {"arg_parser", "main"}
    assert all(body_lines(f) <= 30 for f in functions(path))
    assert any(isinstance(n, ast.Assign) and n.targets[0].id == "JOB" for n in tree.body)  # type: ignore[attr-defined]


def test_torch_is_imported_only_where_it_trains_or_embeds() -> None:
    """Starting Spark, assigning and reading never load torch at module level, except in the training files."""
    loading = [name(p) for p in LIBRARY for node in ast.parse(p.read_text()).body if _imports_torch(node)]
    parts = ("assignment", "codebooks", "contrast", "gradient", "module", "passes", "ranks", "train", "warm")
    training = {f"lib/semid/quantize/rqvae_{part}.py" for part in parts}
    parts = ("beam", "decoder", "decoder_retriever", "early_stop", "item_bag", "ranker", "retriever", "sasrec")
    parts += ("device", "prefix_tree", "retriever_ranks", "tiger", "tiger_retriever", "training", "transformer")
    parts += ("model_folder", "query_decoder", "searcher", "tree_decoder")
    training |= {f"lib/semid/downstream/{part}.py" for part in parts} | {"lib/semid/quantize/process_group.py"}
    assert set(loading) <= training


def test_reading_a_codebook_does_not_import_torch() -> None:
    """Executors that only encode need numpy and safetensors."""
    check = "import sys, semid.quantize.codebook; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def _imports_torch(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in ("torch", "sentence_transformers") for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("torch", "sentence_transformers")


def test_no_bench_script_hides_a_module_of_python() -> None:
    """A script's folder comes first on its path: `profile.py` there was what `cProfile`, and so PySpark, imported."""
    assert {file.stem for file in (ROOT / "tests" / "bench").glob("*.py")} & sys.stdlib_module_names == set()
