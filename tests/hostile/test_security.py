"""What holds for the whole source: nothing turns data into code, every value in SQL text is quoted, every pin is a hash.

docs/security.md names the test of every defence; the last test here looks for them.
"""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from semid import errors, redact, yaml_file
from semid.tables import sql_text
from tests.source_scan import code_runners, python_files, unquoted

ROOT = Path(__file__).parents[2]
LIBRARY = (*python_files(ROOT, "lib"), *python_files(ROOT, "jobs"))

# The command line names a module of semid itself, from fixed lists; `labels.labeller` names code on purpose.
CODE_BY_NAME = {
    (f"lib/semid/{file}.py", name)
    for file in ("cli/main", "text/label")
    for name in ("import_module", "importlib.import_module")
}
SAFE_YAML = {("lib/semid/yaml_file.py", "yaml.load(Loader=_PlainLoader)")}

TEMPLATE = "a constant of the module: no value of a user's"
INSIDE = {
    ("lib/semid/cli/demo.py", "name"): "the name of a view or table, [a-z][a-z0-9_]*: snapshot.tables_in",
    ("lib/semid/cli/status.py", "name"): "the same",
    ("lib/semid/cli/status.py", "_SHOWN"): TEMPLATE,
    ("lib/semid/downstream/hybrid_sql.py", "{spread}"): "hybrid.SPREAD, a constant",
    ("lib/semid/tables/contract.py", "self.name"): "the name of a file of schemas/",
    ("lib/semid/tables/document.py", "pattern"): "a regular expression over schemas/views, no SQL",
    ("lib/semid/tables/id_rules.py", "_ACTIVE"): TEMPLATE,
    ("lib/semid/tables/id_rules.py", "_OF_NOW"): TEMPLATE,
    ("lib/semid/tables/id_rules.py", "query"): "one of the module's own queries",
    ("lib/semid/tables/item_facts.py", "_KNOWN"): TEMPLATE,
    ("lib/semid/tables/item_facts.py", "_OPEN"): TEMPLATE,
    ("lib/semid/tables/item_facts.py", "_SHOWN"): TEMPLATE,
    ("lib/semid/tables/item_facts.py", "counts"): "numbers and literal(prefix)",
    ("lib/semid/tables/item_facts.py", "depth"): "a number, of range()",
    ("lib/semid/tables/item_facts.py", "others"): "_OPEN with literal(content_hash) and a number",
    ("lib/semid/tables/item_facts.py", "{codes}"): "list(), of integers: the column's type",
    ("lib/semid/tables/item_facts.py", "{content}"): "literal(content_hash)",
    ("lib/semid/tables/item_facts.py", "{item}"): "literal(item_id)",
    ("lib/semid/tables/item_facts.py", "{model}"): "literal(model)",
    ("lib/semid/tables/item_facts.py", "{prefix}"): "literal(prefix)",
    ("lib/semid/tables/item_facts.py", "{prefixes}"): "literal() of each",
    ("lib/semid/tables/label_facts.py", "ids.sql"): "_OPEN or _ON with a number and a date",
    ("lib/semid/tables/label_facts.py", "{day}"): "date.isoformat()",
    ("lib/semid/tables/label_facts.py", "{ids}"): "ids.sql",
    ("lib/semid/tables/label_facts.py", "{items}"): "literal() of each",
    ("lib/semid/tables/label_facts.py", "{labels}"): "_LABELS with a number, or _NO_LABELS",
    ("lib/semid/tables/label_facts.py", "{parents}"): "literal() of each",
    ("lib/semid/tables/label_facts.py", "{parent}"): "prefixes[number], or ''",
    ("lib/semid/tables/label_facts.py", "{prefix}"): "literal(prefix)",
    ("lib/semid/tables/maintain.py", "24 * upkeep.days"): "an integer, of retention.retention_days",
    ("lib/semid/tables/maintain.py", "values"): "names of properties and an integer of days",
    ("lib/semid/tables/query.py", "len(tree['statements'])"): "a number, in an error's text",
    ("lib/semid/tables/release_facts.py", "EXAMPLES"): TEMPLATE,
    ("lib/semid/tables/release_facts.py", "_STATE"): TEMPLATE,
    ("lib/semid/tables/release_facts.py", "{day}"): "date.isoformat()",
    ("lib/semid/tables/snapshot.py", "CATALOG_FILE"): "an error's advice, no SQL",
    ("lib/semid/tables/snapshot.py", "warehouse.rstrip('/')"): "an error's advice, no SQL",
    ("lib/semid/tables/views.py", "schema"): "checked by a regular expression in render_catalog",
}
"""Values inside SQL text that are quoted or safe elsewhere: where, and why. A new one is a decision to take here."""


def test_nothing_turns_data_into_code() -> None:
    """No pickle, no eval, no shell, no model code of strangers: in the library, the jobs and the DAGs."""
    found = {
        (file, what) for file, tree in (*LIBRARY, *python_files(ROOT, "airflow_dags")) for what in code_runners(tree)
    }
    assert found == CODE_BY_NAME | SAFE_YAML
    assert issubclass(yaml_file._PlainLoader, yaml.SafeLoader)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load('x')",
        "np.load('x', allow_pickle=True)",
        "numpy.load(f, allow_pickle=flag)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "subprocess.run(command, shell=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "pd.read_pickle(file)",
        "os.system(command)",
    ],
)
def test_the_scan_finds_what_it_looks_for(source: str) -> None:
    """Each of the constructions, written the usual way, is found."""
    assert list(code_runners(ast.parse(source)))


@pytest.mark.parametrize("module", [sql_text, redact, errors], ids=lambda module: module.__name__)
def test_the_examples_of_the_defences_hold(module: ModuleType) -> None:
    """What the docstrings of quoting, redacting and escaping show is what they do."""
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


def test_every_value_in_sql_text_is_quoted() -> None:
    """A value in SQL is a number (`:d`), passes `literal`, `delta_path` or `equals`, or stands in the list above."""
    found = {(file, what) for file, tree in LIBRARY for what in unquoted(tree)}
    assert found - INSIDE.keys() == set()
    assert INSIDE.keys() - found == set(), "no longer in the source: take it out of the list"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("f\"SELECT * FROM t WHERE id = '{run_id}'\"", "run_id"),
        ("spark.sql(f'ALTER TABLE {name} SET x')", "name"),
        ("Q = 'SELECT a FROM t WHERE b = {b}'", "{b}"),
        ("'SELECT a FROM t WHERE b = %s' % b", "b"),
        ("f'SELECT {literal(a)} FROM t WHERE {b:d} = {c}'", "c"),
    ],
)
def test_the_scan_finds_a_value_that_is_not_quoted(source: str, value: str) -> None:
    """Each way of putting a value into a text is seen, and quoted ones beside it are not reported."""
    assert list(unquoted(ast.parse(source))) == [value]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-airflow.lock"])
def test_every_dependency_is_pinned_by_hash(name: str) -> None:
    """Each package has one exact version and at least one sha256; no URL, path, index or editable install."""
    entries = (ROOT / name).read_text(encoding="ascii").replace("\\\n", " ").splitlines()
    pinned = re.compile(r"[a-z0-9][a-z0-9._-]*==[\w.!+]+( ; [^;#@]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [entry[:80] for entry in entries if entry.strip() and not pinned.fullmatch(entry)] == []
    assert len(entries) > 50


def test_every_server_that_a_page_starts_listens_to_this_machine_only() -> None:
    """Thrift and Connect ask nobody for a password: each command that starts one binds it to loopback."""
    bound = {
        "HiveThriftServer2": "hive.server2.thrift.bind.host=127.0.0.1",
        "SparkConnectServer": "spark.connect.grpc.binding.address=127.0.0.1",
    }
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    lines = pages.replace("\\\n", " ").splitlines()
    for server, address in bound.items():
        commands = [line for line in lines if line.startswith("spark-submit") and server in line]
        assert commands, f"no page starts {server} any more"
        assert [command for command in commands if address not in command] == []


def test_every_test_that_the_threat_model_names_is_there() -> None:
    """docs/security.md shows each defence by a test: the file exists and has the function."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 25
    functions = {file: {n.name for n in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(n, ast.FunctionDef)} for file, _ in named if (ROOT / file).is_file()}  # fmt: skip
    assert [f"{file}::{test}" for file, test in named if test not in functions.get(file, set())] == []
