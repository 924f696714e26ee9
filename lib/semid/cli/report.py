"""Write a release as an HTML page that a person reads in ten seconds, and the history of all releases.

Reads:      release, drift_report, semantic_id, semantic_id_change, item_catalog, item_embedding, codebook, run,
            code_label, code_map; links Great Expectations' pages in the folder of observe.data_docs
Writes:     release-<id>.html and index.html, into <warehouse>/report or the folder of --out; no table
Exit codes: 0 done, 2 no such release or no warehouse, 6 damaged tables, 7 the folder cannot be written
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from semid.cli.reader import read, reader_parser
from semid.config import load_config
from semid.errors import EnvironmentFault
from semid.measure.gate import load_thresholds
from semid.report.code_facts import LabelledCodes
from semid.report.facts import ReleaseFacts
from semid.report.pages import INDEX, file_name, index_page, release_page
from semid.tables.label_facts import Ids, labelled_codes
from semid.tables.places import folder_beside, replace_file
from semid.tables.query import Reader
from semid.tables.release_facts import nights, release_facts, unfinished


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    parser = reader_parser("report", __doc__)
    parser.add_argument("--release", metavar="ID", type=int, help="default: the newest one, also when it was blocked")
    parser.add_argument("--out", metavar="FOLDER", type=Path, help="default: the folder report in the warehouse")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages, print where they are, and return the exit code."""
    flags = arg_parser().parse_args(argv)
    return read(flags, lambda reader: _write(reader, flags))


def _write(reader: Reader, flags: argparse.Namespace) -> None:
    folder: Path = flags.out or reader.folder / "report"
    config = load_config(flags.config)
    limits = load_thresholds(config.gate.thresholds)
    docs = folder_beside(str(reader.folder), config.observe.data_docs)
    pages = render(reader, flags.release, limits.quantization_error_ratio.propose_retrain, folder, docs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, page in pages.items():
            replace_file(folder / name, page)
    except OSError as error:
        raise EnvironmentFault(
            f"the pages cannot be written: {error.strerror}",
            where=str(folder),
            next_step="name a folder of your own: semid report --out FOLDER",
        ) from error
    for name in pages:
        print(folder / name)


def render(
    reader: Reader, release_id: int | None, propose_retrain: float, folder: Path, data_docs: Path | None
) -> Mapping[str, str]:
    """Return the pages by file name.

    Args:
        reader: The warehouse.
        release_id: The release that gets a page; None for the newest.
        propose_retrain: Error ratio from which a retrain is proposed.
        folder: Where the pages will lie: those that are there are linked, links lead from there.
        data_docs: Folder of Great Expectations' pages.
    """
    history = nights(reader)
    facts = release_facts(reader, history, release_id)
    newest = facts if facts.night is history[-1] else release_facts(reader, history, None)
    links = _data_docs(data_docs, facts.night.run_id, folder) if data_docs else {}
    facts = replace(facts, codes=_codes(reader, facts), data_docs=links)
    there = _written(folder) | {facts.night.release_id}
    return {
        file_name(facts.night.release_id): release_page(facts, propose_retrain, there),
        INDEX: index_page(newest, propose_retrain, there, unfinished(reader)),
    }


def _codes(reader: Reader, facts: ReleaseFacts) -> LabelledCodes | None:
    seen = facts.night if facts.night.published else facts.before
    if facts.state is None or seen is None or seen.codebook_version is None:
        return None
    return labelled_codes(reader, Ids(seen.codebook_version, seen.run_date.isoformat()))


def _written(folder: Path) -> set[int]:
    numbers = [path.stem.removeprefix("release-") for path in folder.glob("release-*.html")]
    return {int(number) for number in numbers if number.isdigit()}


def _data_docs(data_docs: Path, run_id: str, folder: Path) -> Mapping[str, str]:
    """Return the links from `folder` to a run's pages by suite; of one checked twice, the later."""
    suites = sorted((data_docs / "html" / "validations").glob("*"))
    found = {suite.name: sorted((suite / run_id).glob("*/*.html")) for suite in suites}
    return {name: quote(os.path.relpath(pages[-1], folder)) for name, pages in found.items() if pages}
