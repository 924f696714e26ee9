"""Random nights: additions, edits, removals, returns, retrainings, rollbacks and runs that are killed on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from delta.tables import DeltaMergeBuilder

from semid.cli.job import run_job
from semid.jobs import nightly, promote, retrain, rollback
from semid.tables.store import Store
from tests.soak.oracle import Oracle
from tests.soak.world import World

SETTINGS = (
    "embedding.model=supplied:soak",
    "codebook.kind=rkmeans",
    "codebook.sizes=[8,8,8]",
    "observe.data_docs=null",
    "observe.metrics=null",
)
FIRST = date(2026, 1, 1)


class Killed(BaseException):
    """The process is dead: it writes nothing any more."""


@dataclass
class Soak:
    """A warehouse, its catalog and what is known of it.

    Attributes:
        folder: Everything lies in it.
        world: The catalog.
        oracle: What was shown.
        rng: Decides what happens.
        day: Date of the last run.
        log: What happened, a line each.
    """

    folder: Path
    world: World
    oracle: Oracle
    rng: np.random.Generator
    day: date
    log: list[str]

    def step(self) -> None:
        """Do one thing, killed first in one of four times, and check everything."""
        self.day += timedelta(days=1)
        name, run = self._choose()
        before = len(self.oracle.published())
        died = True
        if self.rng.random() < 0.25:
            write = int(self.rng.integers(1, 14))
            died = self._killed(run, write)
            self.log.append(f"{self.day} {name}: {'killed at' if died else 'came past'} write {write}")
            self.oracle.check()
        # A night, promotion or rollback given again does nothing; a refused retraining may be refused again.
        code = run() if died or not name.startswith("retrain") else 0
        after = self.oracle.published()
        self.log.append(f"{self.day} {name}: exit {code}, release {after[-1]['release_id']}")
        assert code == 0 or (code == 4 and name.startswith("retrain")), self.log
        assert len(after) - before == (code == 0), self.log
        now = self.oracle.check()
        if name == "night":
            assert now.keys() == self.world.active.keys(), "1: the items of the feed"

    def _choose(self) -> tuple[str, Callable[[], int]]:
        versions = list(self.oracle.published()[-1]["serving_versions"])
        active = self.oracle.published()[-1]["codebook_version"]
        shadows = [version for version in versions if version != active]
        dice = self.rng.random()
        if dice < 0.1:
            return "retrain --shadow", lambda: self._run(retrain.JOB, "--shadow")
        if dice < 0.15:
            return "retrain", lambda: self._run(retrain.JOB)
        if dice < 0.25 and shadows:
            return "promote", lambda: self._run(promote.JOB, "--version", str(shadows[-1]))
        if dice < 0.35 and (others := self._other_states()):
            to = others[int(self.rng.integers(len(others)))]
            return f"rollback to {to}", lambda: self._run(rollback.JOB, "--to", str(to))
        self.world.move()
        feed = self.world.write(self.folder / f"{self.day}.jsonl")
        return "night", lambda: self._run(nightly.JOB, "--catalog", feed)

    def _other_states(self) -> list[int]:
        """Return those of the two releases before the current one whose state is not what readers see."""
        state: dict[int, int] = {}
        for row in self.oracle.published():
            back = dict(row["counts"]).get("rolled_back_to")
            state[row["release_id"]] = row["release_id"] if back is None else state[back]
        *_, current = state
        return [release for release in list(state)[-3:-1] if state[release] != state[current]]

    def _run(self, job: Any, *flags: str) -> int:
        settings = [word for setting in SETTINGS for word in ("--set", setting)]
        return run_job(job, ["--warehouse", str(self.oracle.warehouse), "--run-date", str(self.day), *flags, *settings])

    def _killed(self, run: Callable[[], int], write: int) -> bool:
        with _dying_at(write):
            try:
                run()
            except Killed:
                return True
        return False


def start(folder: Path, seed: int, items: int = 160) -> Soak:
    """Return a soak after its first night."""
    rng = np.random.default_rng(seed)
    soak = Soak(folder, World(rng), Oracle(folder / "warehouse"), rng, FIRST, [])
    soak.world.open(items)
    assert soak._run(nightly.JOB, "--catalog", soak.world.write(folder / f"{FIRST}.jsonl")) == 0
    soak.oracle.check()
    return soak


@contextmanager
def _dying_at(write: int) -> Iterator[None]:
    """Let a run end at its n-th commit, before or after it, and write nothing from then on, as after kill -9."""
    left = [write]

    def deadly(original: Callable[..., Any]) -> Callable[..., Any]:
        def commit(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            result = original(*args, **kwargs)
            if left[0] == 0:
                raise Killed
            return result

        return commit

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((Store, "append"), (Store, "replace_where"), (DeltaMergeBuilder, "execute")):
            patch.setattr(owner, name, deadly(getattr(owner, name)))
        yield
