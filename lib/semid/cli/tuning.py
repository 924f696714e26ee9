"""The flags, the page and the text of `semid tune-codebook`."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from semid.cli.job import Context
from semid.config import CodebookConfig, load_config
from semid.errors import ConfigError, EnvironmentFault
from semid.ids import fingerprint
from semid.measure.budget import GRID, Recommendation, Trial
from semid.measure.fit import recipe_of
from semid.report.budget import as_text, budget_page
from semid.tables.evaluation import read_evaluation, read_params
from semid.tables.lock import local_path
from semid.tables.store import Store

log = logging.getLogger(__name__)

TASK = "budget"


def fingerprint_of_tuning(_spark: SparkSession, flags: argparse.Namespace) -> str:
    """Return what tells one tuning from another, beside the configuration and the tables."""
    named = {name: getattr(flags, name) for name in ("max_codes", "sample", "kind")}
    return fingerprint({**named, "grid": flags.grid or GRID})


def read_grid(
    flags: argparse.Namespace, base: CodebookConfig, contents: int
) -> tuple[list[CodebookConfig], list[tuple[int, ...]]]:
    """Return the settings to try, and the sizes of those that `contents` texts cannot fill.

    Args:
        flags: `grid`, `kind` and `max_codes`.
        base: Seed, and parameters when the kind is the configured one.
        contents: Texts in the sample.

    Raises:
        ConfigError: The grid is no JSON list of lists of sizes, the kind is unknown, no text is embedded, or no
            setting can be recommended.
    """
    if not contents:
        raise ConfigError(
            "no active item's text is embedded by the configured model",
            where="embedding.*, text.*",
            next_step="give the --config of the nights, or run semid ingest-catalog and semid embed-items",
        )
    sizes = [tuple(setting) for setting in _parsed(flags.grid)] if flags.grid else list(GRID)
    params = dict(base.params) if flags.kind == base.kind else {}
    grid = [_setting(base, one, flags.kind, params) for one in dict.fromkeys(sizes)]
    recipe_of(grid[0])
    fitting = [one for one in grid if max(one.sizes) <= contents]
    _require_one_within(fitting, flags.max_codes, contents)
    too_large = [one.sizes for one in grid if one not in fitting]
    if too_large:
        log.warning("not tried, more codes at a level than %d texts: %s", contents, too_large)
    return fitting, too_large


def write_page(ctx: Context, trials: Sequence[Trial], texts: int, recommended: Recommendation) -> str | None:
    """Write the page and return its path; None, with a warning, when the warehouse is remote and no folder is named.

    Raises:
        EnvironmentFault: The folder cannot be written.
    """
    warehouse = local_path(ctx.store.warehouse)
    if ctx.flags.out is None and warehouse is None:
        log.warning("no page is written: the warehouse is not on a local disk; name a folder with --out")
        return None
    folder = Path(ctx.flags.out or Path(str(warehouse)) / "report")
    page = folder / f"budget-{ctx.run_id}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page.write_text(budget_page(trials, texts, recommended), encoding="utf-8")
    except OSError as error:
        raise EnvironmentFault(
            f"the page cannot be written: {error.strerror}", where=str(folder), next_step="name another folder: --out"
        ) from error
    return str(page)


def shown(store: Store, run_id: str) -> str:
    """Return a tuning for a terminal: the settings, the recommendation and where the page is."""
    params = read_params(store, run_id, TASK)
    sizes = json.dumps(params["recommended"], separators=(",", ":"))
    rows = as_text(read_evaluation(store, run_id, TASK))
    page = f"\npage: {params['page']}" if params["page"] else ""
    return f"{rows}\n\nrecommended: {params['reason']}\nuse it: --set codebook.sizes={sizes}{page}"


def _parsed(text: str) -> Sequence[Sequence[int]]:
    try:
        grid: Any = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"no JSON: {error}", where=f"--grid {text}", next_step=_EXAMPLE) from error
    if not isinstance(grid, list) or not grid or not all(isinstance(setting, list) for setting in grid):
        raise ConfigError("a grid is a list of lists of sizes", where=f"--grid {text}", next_step=_EXAMPLE)
    return grid


_EXAMPLE = "for example --grid '[[128,128,128],[256,256,256]]'"


def _setting(base: CodebookConfig, sizes: tuple[int, ...], kind: str, params: dict[str, Any]) -> CodebookConfig:
    # Through the configuration's own checks: a size out of range is refused there, with its value.
    checked = load_config(overrides=[f"codebook.sizes={json.dumps(sizes)}"]).codebook.sizes
    return base.model_copy(update={"sizes": checked, "kind": kind, "params": params})


def _require_one_within(grid: Sequence[CodebookConfig], max_codes: int | None, contents: int) -> None:
    if not grid:
        raise ConfigError(
            f"no setting of the grid can be filled by {contents} texts",
            where="--grid",
            next_step="try smaller sizes, or a larger --sample",
        )
    least = min(sum(one.sizes) for one in grid)
    if max_codes is not None and max_codes < least:
        raise ConfigError(
            f"no setting of the grid has at most {max_codes} codes in all; the smallest has {least}",
            where=f"--max-codes {max_codes}",
            next_step="allow more codes, or give smaller settings with --grid",
        )
