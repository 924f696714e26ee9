"""Looking for dangerous constructions in Python source, by its syntax tree."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SQL = re.compile(
    r"\b(SELECT|FROM|WHERE|INSERT INTO|MERGE INTO|VACUUM|ALTER TABLE|CREATE|VERSION AS OF|SET|USE|EXISTS|FILTER|delta_scan)\b"
)
RUNS_CODE = {
    "pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle",
    "pandas.read_pickle", "torch.load", "numpy.lib.npyio", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all",
    "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.Loader", "os.system", "os.popen", "eval", "exec", "compile",
    "__import__", "commands.getoutput", "importlib.import_module", "import_module", "subprocess.getoutput",
}  # fmt: skip
DANGEROUS_ARGUMENTS = {"shell": False, "allow_pickle": False, "trust_remote_code": False}
_QUOTING = {"literal", "delta_path", "equals", "_scan", "_of"}
_SHORT = {"np": "numpy", "pd": "pandas"}


@cache
def python_files(root: Path, folder: str) -> tuple[tuple[str, ast.Module], ...]:
    """Return (path below the root, syntax tree) of every Python file of a folder."""
    files = sorted((root / folder).rglob("*.py"))
    return tuple((str(file.relative_to(root)), ast.parse(file.read_text(encoding="utf-8"))) for file in files)


def code_runners(tree: ast.AST) -> Iterator[str]:
    """Yield what in a module can turn data into code: modules, functions and arguments by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            of = getattr(node, "module", None) or ""
            names = {of, *(f"{of}.{alias.name}".strip(".") for alias in node.names)}
            yield from sorted(name for name in names if name.split(".")[0] in RUNS_CODE or name in RUNS_CODE)
        elif isinstance(node, ast.Call):
            yield from _calls(node)


def _calls(node: ast.Call) -> Iterator[str]:
    first, dot, rest = ast.unparse(node.func).partition(".")
    name = _SHORT.get(first, first) + dot + rest
    if name in RUNS_CODE or name.endswith(".read_pickle"):
        yield name
    for word in node.keywords:
        safe = DANGEROUS_ARGUMENTS.get(word.arg or "", word.value)
        if safe is not word.value and not (isinstance(word.value, ast.Constant) and word.value.value is safe):
            yield f"{name}({word.arg}={ast.unparse(word.value)})"
    if name == "yaml.load":
        loader = next((ast.unparse(word.value) for word in node.keywords if word.arg == "Loader"), "none")
        yield f"yaml.load(Loader={loader})"


def unquoted(tree: ast.AST) -> Iterator[str]:
    """Yield every expression that is put into SQL text without being a number (`:d`) or passing a quoting function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
            if SQL.search(text):
                yield from (ast.unparse(p.value) for p in node.values if isinstance(p, ast.FormattedValue) if _open(p))
                yield from _fields(text)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
            yield from _fields(node.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and SQL.search(ast.unparse(node.left)):
            yield ast.unparse(node.right)


def _open(part: ast.FormattedValue) -> bool:
    if part.format_spec is not None and ast.unparse(part.format_spec).endswith("d'"):
        return False
    called = part.value.func if isinstance(part.value, ast.Call) else None
    return not (isinstance(called, ast.Name) and called.id in _QUOTING)


def _fields(template: str) -> Iterator[str]:
    try:
        found = [
            (name, spec) for _, name, spec, _ in string.Formatter().parse(template) if name and name.isidentifier()
        ]
    except ValueError:  # braces of something else
        return
    yield from (f"{{{name}}}" for name, spec in found if not (spec or "").endswith("d"))
