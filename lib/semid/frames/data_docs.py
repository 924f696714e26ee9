"""Great Expectations' own record of a check: results as JSON, and Data Docs pages, built per run.

One folder, laid out as the library does it: `expectations/`, `validations/`, `checkpoints/` (JSON) and `html/`. The
pages take their style sheets from CDNs, so they look bare without a network; `semid report` needs nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semid.report.html import escaped

log = logging.getLogger(__name__)

LISTED = 100
"""Results on the index page, newest first: building it reads each of them again."""

_SITE = "local_site"


def write_data_docs(folder: Path, results: Sequence[Any]) -> bool:
    """Store the results of a check and build their pages; return whether all of it worked.

    It decides nothing: the checks are in `drift_report` before, and what goes wrong here is a warning.

    Args:
        folder: Where everything lies; earlier runs' pages stay.
        results: Checkpoint results of the library, from `expectations.judge`.
    """
    try:
        missing = _write(folder, results)
    except Exception as error:
        log.warning("the Data Docs of this run are missing: %s: %s", type(error).__name__, str(error)[:200])
        return False
    # The library logs what its renderers raise and goes on.
    if missing:
        log.warning("Great Expectations left out %d of the pages of this run", missing)
    return not missing


def _write(folder: Path, results: Sequence[Any]) -> int:
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier

    context = _context(folder)
    keys: list[Any] = []
    for result in results:
        for key, outcome in result.run_results.items():
            suite = result.checkpoint_config.validation_definitions[0].suite
            context.suites.add_or_update(suite)
            context.validation_results_store.set(key, _harmless(outcome))
            keys += [key, ExpectationSuiteIdentifier(suite.name)]
    _keep(folder / "checkpoints", results)
    context.build_data_docs(resource_identifiers=keys)
    pages = [page for key in keys if (page := context.get_docs_sites_urls(resource_identifier=key)[0]["site_url"])]
    return len(keys) - len(pages)


def _keep(folder: Path, results: Sequence[Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for run_name in {result.run_id.run_name for result in results}:
        said = [result.describe_dict() for result in results if result.run_id.run_name == run_name]
        (folder / f"{run_name}.json").write_text(json.dumps(said, indent=1, default=str), encoding="utf-8")


def _harmless(outcome: Any) -> Any:
    """Return a result whose examples, which come from the feed, are text to a browser."""
    for one in outcome.results:
        one.result = _escaped(one.result)
    return outcome


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return str(escaped(value))
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    return [_escaped(inner) for inner in value] if isinstance(value, list | tuple) else value


def _context(folder: Path) -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig

    def files(part: str) -> dict[str, str]:
        return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder / part)}

    config = DataContextConfig(
        config_version=4.0,
        analytics_enabled=False,
        expectations_store_name="suites",
        validation_results_store_name="results",
        stores={
            "suites": {"class_name": "ExpectationsStore", "store_backend": files("expectations")},
            "results": {"class_name": "ValidationResultsStore", "store_backend": files("validations")},
        },
        data_docs_sites={
            _SITE: {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": files("html"),
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "validation_results_limit": LISTED},
            }
        },
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)
