"""A release's IDs as a folder that services load: written whole or not at all, and checked before it is trusted."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

from semid.downstream.export_files import POINTS, WRITERS, ReleaseIds, writers
from semid.downstream.hybrid import PrefixPoints
from semid.downstream.sid_tokens import SPECIAL
from semid.errors import ConfigError, StoredDataError
from semid.ids import fingerprint

FORMAT = 1
MANIFEST = "manifest.json"
_AGAIN = "export the release again, into a new folder"


@dataclass(frozen=True)
class Origin:
    """Where exported IDs come from: the first part of the manifest.

    Attributes:
        release_id: The release.
        codebook_version: Its codebook.
        codebook_fingerprint: The codebook's, as in the table `codebook`.
    """

    release_id: int
    codebook_version: int
    codebook_fingerprint: str


@dataclass(frozen=True, eq=False)
class Export:
    """A folder that passed its checks.

    Attributes:
        manifest: What `manifest.json` says.
        ids: The IDs.
    """

    manifest: dict[str, Any]
    ids: ReleaseIds


def export(folder: Path, ids: ReleaseIds, origin: Origin) -> dict[str, Any]:
    """Write the files of `ids` and their manifest into `folder`, and return the manifest.

    Everything is written beside the folder first, which then appears with one rename: readers see all or nothing.
    An export that is there already and has the same content is left as it is.

    Raises:
        ConfigError: The folder holds something else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        manifest = _written(unfinished, ids, origin)
        if folder.exists():
            _refuse_other(folder, manifest)
        else:
            unfinished.chmod(0o755)  # mkdtemp keeps others out
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return manifest


def load(folder: Path) -> Export:
    """Return what `export` wrote.

    Raises:
        StoredDataError: A file is missing, is not what the manifest says, or there is no manifest.
    """
    manifest = checked_manifest(folder)
    try:
        items = pq.read_table(folder / "items.parquet", columns=["item_id"], page_checksum_verification=True)
        arrays = load_file(folder / "codes.safetensors")
        points = PrefixPoints(**load_file(folder / POINTS)) if POINTS in manifest["files"] else None
        ids = ReleaseIds(
            item_ids=tuple(items.column("item_id").to_pylist()),
            codes=np.ascontiguousarray(arrays["codes"].T),
            dedup_index=arrays["dedup_index"],
            sizes=tuple(manifest["sizes"]),
            points=points,
        )
    except (ArithmeticError, LookupError, OSError, TypeError, ValueError) as error:
        raise _damaged(folder, [f"its files do not fit together: {error}"]) from error
    return Export(manifest, ids)


def checked_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an export whose files all have the size and sha256 that it records.

    Raises:
        StoredDataError: Lists every file that is missing, or is not what was written.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = manifest["files"]
        recorded = {name: (files[name]["bytes"], files[name]["sha256"]) for name in files}
        said = manifest["fingerprint"]
        if said != fingerprint({key: value for key, value in manifest.items() if key != "fingerprint"}):
            raise ValueError(f"it is not what was written: its fingerprint is not {said}")
        if manifest["format"] != FORMAT:
            raise ValueError(f"format {manifest['format']}, this version reads {FORMAT}")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, [f"{MANIFEST}: {type(error).__name__}: {error}"]) from error
    known = WRITERS.keys() | {POINTS}
    problems = [f"{name} is not recorded" for name in sorted(WRITERS.keys() - recorded.keys())]
    problems += [f"{name} is no file of an export" for name in sorted(recorded.keys() - known)]
    problems += [
        line for name in sorted(recorded.keys() & known) for line in _wrong(folder / name, recorded[name], name)
    ]
    if problems:
        raise _damaged(folder, problems)
    return dict(manifest)


def _written(folder: Path, ids: ReleaseIds, origin: Origin) -> dict[str, Any]:
    for name, write in writers(ids).items():
        (folder / name).parent.mkdir(exist_ok=True)
        write(ids, folder / name)
    manifest = {
        "format": FORMAT,
        **asdict(origin),
        "sizes": list(ids.sizes),
        "token_sizes": list(ids.word_sizes),
        "special_tokens": len(SPECIAL),
        "items": len(ids.item_ids),
        "valid_sids": len(np.unique(ids.codes, axis=0)),
        "files": {name: dict(zip(("bytes", "sha256"), _sum(folder / name), strict=True)) for name in writers(ids)},
    }
    manifest["fingerprint"] = fingerprint(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def _refuse_other(folder: Path, manifest: dict[str, Any]) -> None:
    try:
        same = checked_manifest(folder) == manifest
    except StoredDataError:
        same = False
    if not same:
        raise ConfigError(
            "there is something else in the place of the export",
            where=str(folder),
            next_step="name a new folder, for example one per release, or remove this one",
        )


def _wrong(file: Path, recorded: tuple[Any, Any], name: str) -> list[str]:
    try:
        found = _sum(file)
    except OSError as error:
        return [f"{name} cannot be read: {error.strerror}"]
    if found != recorded:
        return [f"{name} has {found[0]} bytes and sha256 {found[1][:12]}, recorded: {recorded[0]} and {recorded[1]}"]
    return []


def _sum(file: Path) -> tuple[int, str]:
    with file.open("rb") as content:
        return file.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest()


def _damaged(folder: Path, problems: list[str]) -> StoredDataError:
    return StoredDataError(
        "this is no export that can be trusted", where=str(folder), problems=problems, next_step=_AGAIN
    )
