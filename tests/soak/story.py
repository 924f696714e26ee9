"""Random nights: what happens to a catalog and its warehouse, with runs that are killed and clocks that are put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from delta.tables import DeltaMergeBuilder

from semid.cli.job import run_job
from semid.jobs import maintain_tables, nightly, promote, retrain, rollback
from semid.tables import releases, runs
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
KILLED, GIVEN_AGAIN = 0.25, 0.1
WRITES = 14
"""A run is ended at one of its first 13 commits, or not at all when it makes fewer."""


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
        before, code = len(self.oracle.published()), None
        with clock_at(timedelta(days=float(self.rng.uniform(-30, 30)))):
            if self.rng.random() < KILLED:
                write = int(self.rng.integers(1, WRITES))
                code = killed_at(write, run)
                self.log.append(f"{self.day} {name}: {'killed at' if code is None else 'came past'} write {write}")
                self.oracle.check()
            if code is None:
                code = run()
        published = self.oracle.published()
        self.log.append(f"{self.day} {name}: exit {code}, release {published[-1]['release_id']}")
        assert code == 0 or (code == 4 and name.startswith("retrain")), self.log
        assert len(published) - before == (code == 0 and name != "upkeep"), self.log
        self._check(name, published[-1])
        if code == 0 and name != "upkeep" and self.rng.random() < GIVEN_AGAIN:
            versions = self.oracle.versions()
            assert run() == 0, self.log
            assert self.oracle.versions() == versions, f"2: {name}, given again, has written"

    def _check(self, name: str, current: dict[str, Any]) -> None:
        shown = dict(self.oracle.states)
        now = self.oracle.check()
        assert self.oracle.newest_run()["run_date"] == self.day, "the newest run is another one"
        if name == "night":
            assert now.keys() == self.world.active.keys(), "1: the items of the feed"
            self.oracle.check_feed(current["run_id"], len(now))
        elif name.startswith("rollback"):
            assert now == shown[int(name.rsplit(maxsplit=1)[-1])], "8: the state rolled back to"
        elif current["release_id"] in shown:
            assert now == shown[current["release_id"]], "7: no release, and readers see something else"

    def _choose(self) -> tuple[str, Callable[[], int]]:
        current = self.oracle.published()[-1]
        shadows = [v for v in current["serving_versions"] if v != current["codebook_version"]]
        dice = self.rng.random()
        if dice < 0.1:
            return "retrain --shadow", lambda: self.run(retrain.JOB, "--shadow")
        if dice < 0.15:
            return "retrain", lambda: self.run(retrain.JOB)
        if dice < 0.25 and shadows:
            return "promote", lambda: self.run(promote.JOB, "--version", str(shadows[-1]))
        if dice < 0.35 and (others := self._other_states()):
            to = others[int(self.rng.integers(len(others)))]
            return f"rollback to {to}", lambda: self.run(rollback.JOB, "--to", str(to))
        if dice > 0.97:  # rarely: it goes through every table
            return "upkeep", lambda: self.run(maintain_tables.JOB)
        self.world.move()
        feed = self.world.write(self.folder / f"{self.day}.jsonl")
        return "night", lambda: self.run(nightly.JOB, "--catalog", feed)

    def _other_states(self) -> list[int]:
        """Return those of the two releases before the current one whose state is not what readers see."""
        state: dict[int, int] = {}
        for row in self.oracle.published():
            back = dict(row["counts"]).get("rolled_back_to")
            state[row["release_id"]] = row["release_id"] if back is None else state[back]
        *_, current = state
        return [release for release in list(state)[-3:-1] if state[release] != state[current]]

    def run(self, job: Any, *flags: str) -> int:
        """Run a job of the day on the warehouse and return its exit code."""
        settings = [word for setting in SETTINGS for word in ("--set", setting)]
        return run_job(job, ["--warehouse", str(self.oracle.warehouse), "--run-date", str(self.day), *flags, *settings])


def start(folder: Path, seed: int, items: int = 160) -> Soak:
    """Return a soak after its first night."""
    rng = np.random.default_rng(seed)
    soak = Soak(folder, World(rng), Oracle(folder / "warehouse"), rng, FIRST, [])
    soak.world.open(items)
    assert soak.run(nightly.JOB, "--catalog", soak.world.write(folder / f"{FIRST}.jsonl")) == 0
    soak.oracle.check()
    return soak


@contextmanager
def clock_at(offset: timedelta) -> Iterator[None]:
    """Let semid's own clock say something else."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + offset

    with pytest.MonkeyPatch.context() as patch:
        for module in (runs, releases):
            patch.setattr(module, "datetime", Clock)
        yield


def killed_at(write: int, run: Callable[[], int]) -> int | None:
    """Run something that dies at its n-th commit; return None when it did, else its exit code."""
    with _dying_at(write):
        try:
            return run()
        except Killed:
            return None


@contextmanager
def _dying_at(write: int) -> Iterator[None]:
    """Let a run end at its n-th commit and write nothing from then on, as after kill -9."""
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
