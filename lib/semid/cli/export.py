"""Write the IDs that readers see as files for services and trainers: valid IDs, tensors, a trie, a tokenizer.

Reads:      semantic_id, codebook, release; item_embedding with --points
Writes:     the folder, whole or not at all (docs/exports.md)
Exit codes: 0 done (also when it was done before), 2 nothing published, no such version, or something else in the
            folder, 6 damaged tables, 7 environment
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from semid.cli.reader import read, reader_parser
from semid.downstream.exports import export
from semid.errors import ConfigError
from semid.tables.query import Reader
from semid.tables.release_ids import release_ids


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    parser = reader_parser("export", __doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="new folder for the files, one per release")
    parser.add_argument("--version", metavar="N", type=int, help="codebook version; the active one by default")
    parser.add_argument("--points", metavar="DEPTH", type=int, help="also what hybrid retrieval by DEPTH codes needs")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the export and return the exit code."""
    flags = arg_parser().parse_args(argv)
    return read(flags, lambda reader: print(_exported(reader, flags)))


def _exported(reader: Reader, flags: argparse.Namespace) -> str:
    if flags.points is not None and not 1 <= flags.points <= 2:
        raise ConfigError(f"--points {flags.points}: prefixes have 1 or 2 codes", where="semid export")
    ids, origin = release_ids(reader, flags.version, flags.points)
    manifest = export(flags.folder, ids, origin)
    head = f"release {origin.release_id}, codebook {origin.codebook_version}:"
    said = f"{head} {manifest['items']:,} items, {manifest['valid_sids']:,} distinct codes, in {flags.folder}"
    files = [f"  {name:<32}{about['bytes']:>12,} bytes" for name, about in manifest["files"].items()]
    return "\n".join([said, *files])
