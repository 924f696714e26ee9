"""Moving what readers see without assigning anything: back to an earlier release, or on to a shadow version."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from semid.errors import ConfigError, StoredDataError
from semid.tables import releases
from semid.tables.commit import commit, refuse_older_date
from semid.tables.intervals import KEY, only_open
from semid.tables.publish import planned, refuse_stale, wanted_rows
from semid.tables.releases import Release, Releases
from semid.tables.store import Store

log = logging.getLogger(__name__)

_READ = ("item_catalog", "item_embedding", "codebook")


def roll_back(store: Store, to: int, run_id: str, run_date: date) -> Release:
    """Publish the state of release `to` once more, as a new release, and return that.

    When readers see that state already, nothing is published, and the current release is returned: a command that is
    given again changes nothing.

    Nothing is deleted and no table is restored: rows that differ are closed and opened again, as on any night. The
    next night starts from the state rolled back to, and gives items that were edited since the IDs they had.

    Raises:
        ConfigError: There is no such published release, or the run date lies before the current release's.
        StoredDataError: The state of that release is no longer stored.
    """
    history = releases.load(store)
    target = _published(history, to)
    current = history.current
    assert current is not None, "there is a published release"
    if history.state_of(current) == history.state_of(target):
        log.info("nothing to do: release %d shows the state of release %d", current.release_id, to)
        return current
    refuse_older_date(run_date, current)
    then = only_open(_as_released(store, target), target.serving_versions)
    now = only_open(store.read("semantic_id"), target.serving_versions)
    same = [*KEY, "semantic_id", "content_hash"]
    differing = then.join(now.select(*same), same, "left_anti")
    release = _next_release(
        store,
        history,
        target,
        run_id=run_id,
        run_date=run_date,
        kind="rollback",
        counts={"quarantined": 0, "rolled_back_to": target.release_id},
    )
    with planned(differing, now, then, release) as actions:
        return commit(store, history, release, actions)


def promote(store: Store, version: int, run_id: str, run_date: date) -> Release:
    """Make a shadow codebook version the active one, and return the release that does so.

    When it is the active one, nothing is published, and the release that made it so is returned.

    Raises:
        ConfigError: The version is not served beside the active one, or the run date lies before the current
            release's.
        RunConflict: Active items have no ID under that version yet.
    """
    history = releases.load(store)
    current, since = history.current, history.active_since
    if since is not None and version == since.codebook_version:
        log.info("nothing to do: release %d made codebook version %d active", since.release_id, version)
        return since
    if current is None or version not in current.serving_versions:
        raise _no_shadow(version, current)
    refuse_older_date(run_date, current)
    ids = only_open(store.read("semantic_id"), [version])
    wanted = wanted_rows(store.read("item_catalog"), (version,))
    refuse_stale(wanted.join(ids, [*KEY, "content_hash"], "left_anti").count())
    release = _next_release(
        store,
        history,
        current,
        run_id=run_id,
        run_date=run_date,
        kind="retrain",
        codebook_version=version,
        counts={"quarantined": 0},
    )
    return commit(store, history, release, None)


def _next_release(store: Store, history: Releases, like: Release, **own: Any) -> Release:
    """Return the release after all others that shows what `like` shows, except for what it has of its `own`."""
    versions = {name: store.version(name) for name in _READ}
    return replace(like, release_id=history.next_id, table_versions=versions, created_at=None, **own)


def _published(history: Releases, release_id: int) -> Release:
    for release in history.published:
        if release.release_id == release_id:
            return release
    newest = ", ".join(str(release.release_id) for release in history.published[-5:]) or "none"
    raise ConfigError(
        f"there is no published release {release_id}",
        where="--to",
        problems=[f"the newest published ones: {newest}"],
        next_step="semid status shows them all",
    )


def _as_released(store: Store, target: Release) -> DataFrame:
    version = target.table_versions.get("semantic_id")
    try:
        ids = store.read("semantic_id", version)
        ids.limit(1).collect()
    except PySparkException as error:
        raise StoredDataError(
            f"the state of release {target.release_id} is no longer stored",
            where=f"table semantic_id, version {version}",
            problems=[str(error).splitlines()[0][:200]],
            next_step="roll back to a later release; VACUUM removes what is older than its retention",
        ) from error
    return ids


def _no_shadow(version: int, current: Release | None) -> ConfigError:
    served = [] if current is None else [v for v in current.serving_versions if v != current.codebook_version]
    return ConfigError(
        f"codebook version {version} is not served beside the active one",
        where="--version",
        problems=[f"shadow versions: {', '.join(map(str, served)) or 'none'}"],
        next_step="semid retrain --shadow makes one; semid status shows them",
    )
