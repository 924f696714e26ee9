"""The zip that `make package` makes, and a Python that has nothing of semid but what it is given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Takes away the checkout, which the environment of the tests has installed: what is left is the zip.
_WITHOUT_CHECKOUT = """
import os, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", "")]
sys.path[:] = [path for path in sys.path if not os.path.isdir(os.path.join(path, "semid"))]
"""


def build(folder: Path) -> Path:
    """Return the zip, built from a copy in `folder`: a build leaves its traces in the checkout."""
    for name in ("lib", "jobs", "conf", "schemas"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "Makefile", "requirements.lock"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    # -o: the environment is taken as it is
    subprocess.run(["make", "-o", ".venv/.ready", "package"], cwd=folder, check=True, capture_output=True)
    (archive,) = (folder / "dist").glob("*.zip")
    return archive


def without_checkout(folder: Path) -> str:
    """Return the PYTHONPATH with which this environment's Python does not find semid."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_WITHOUT_CHECKOUT)
    return str(folder)
