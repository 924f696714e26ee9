"""Every command of the README runs as it stands there, and the page keeps its promises."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semid.cli import demo, status
from semid.tables.query import open_reader
from tests import catalog, cold_spark, package

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith(("make ", "semid ", "spark-", "source "))
]
MAKE = [line for line in COMMANDS if line.startswith("make ")]


def test_the_page_is_short_and_starts_with_a_command() -> None:
    """At most 150 lines, the first command within the first 20, and links that lead somewhere."""
    lines = README.splitlines()
    assert len(lines) <= 150
    assert lines.index(COMMANDS[0]) < 20
    linked = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in linked if not (ROOT / link).exists()] == []


def test_make_targets_exist() -> None:
    """`make` knows every target that the page names."""
    assert {"make demo", "make test"} <= set(MAKE)
    for line in MAKE:
        subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


@pytest.fixture(scope="module")
def demonstrated(spark: object, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which `make demo`, which is `semid demo`, has run, and what it printed."""
    folder, printed = tmp_path_factory.mktemp("checkout"), io.StringIO()
    with redirect_stdout(printed):
        assert demo.main(["--folder", str(folder / "demo")]) == 0
    return folder, printed.getvalue()


def test_the_demo_prints_what_the_page_promises(demonstrated: tuple[Path, str]) -> None:
    """Two nights on the embedded catalog with the counts of the page."""
    printed = demonstrated[1]
    promised = re.search(
        r"Expect ([\d,]+) items.*?(\d+) added, (\d+) changed, (\d+) removed, (\d+) rows", README, re.DOTALL
    )
    assert promised is not None
    items, *second = [number.replace(",", "") for number in promised.groups()]
    rows = [line.split() for line in printed.splitlines()]
    unchanged = str(int(items) - int(second[1]) - int(second[2]))
    assert ["1", "2026-01-05", "pass", items, "0", "0", "0", "0"] in rows
    assert ["2", "2026-01-06", "pass", *second[:3], unchanged, second[3]] in rows
    for title in ("Rows per table", "Five items", "What the second night changed", "Look further with"):
        assert title in printed


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that `make package` makes."""
    return package.build(tmp_path_factory.mktemp("source"))


def test_the_package_is_complete(archive: Path) -> None:
    """Every module, job, schema and configuration file is in it, once; the wheel beside it is the same file."""
    parts = {"lib/semid": "semid", "jobs": "semid/jobs", "conf": "semid/conf", "schemas": "semid/schemas"}
    wanted = [
        str(Path(inside) / path.relative_to(ROOT / part))
        for part, inside in parts.items()
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    names = zipfile.ZipFile(archive).namelist()
    assert sorted(name for name in names if ".dist-info/" not in name) == sorted(wanted)
    (wheel,) = archive.parent.glob("*.whl")
    assert wheel.read_bytes() == archive.read_bytes()


def test_every_other_command_runs(demonstrated: tuple[Path, str], archive: Path) -> None:
    """In order, in a folder with the checkout's environment, an own catalog and the demo's warehouse.

    spark-submit gets the packaged zip in place of the checkout, and the feed of the next night: driver and Python
    workers run a whole night from the zip.
    """
    folder, _ = demonstrated
    for name in (".venv", "jobs"):
        (folder / name).symlink_to(Path(sys.prefix) if name == ".venv" else ROOT / name)
    shutil.copytree(ROOT / "conf", folder / "conf")
    with (folder / "conf/spark/local.conf").open("a") as properties:
        properties.write(f"spark.submit.pyFiles {archive}\n")
    package.without_checkout(folder / "without")
    pq.write_table(pa.Table.from_pylist(catalog.items(900)), folder / "items.parquet")
    pq.write_table(pa.Table.from_pylist(catalog.items(905)), folder / "next.parquet")
    next_night = (
        "mv next.parquet items.parquet\nexport PYTHONPATH=$PWD/without\n! python -c 'import semid' 2> import.err"
    )
    commands = [line for line in COMMANDS if line not in MAKE]
    script = "\n".join(f"{next_night}\n{line}" if line.startswith("spark-submit") else line for line in commands)
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=os.environ | cold_spark.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "current    release 1 of" in done.stdout
    assert "No module named 'semid'" in (folder / "import.err").read_text()
    state = status.overview(open_reader(str(folder / "warehouse")))
    assert [(row["release_id"], row["added"], row["changed"]) for row in state["releases"]] == [(2, 5, 0), (1, 900, 0)]
