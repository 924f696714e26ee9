"""What a long training tells, keeps and goes on from."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from semid.downstream.training import State, Watch

log = logging.getLogger(__name__)


def kept_watch(file: Path | None, epochs: int, minutes: float) -> Watch:
    """Return a watch that logs every epoch, keeps the state in a file, and goes on from what is there.

    Args:
        file: The checkpoint; None keeps nothing.
        epochs: How many there are to be, for the log.
        minutes: Of this process's CPU, after which the training ends.
    """
    begun = time.process_time()

    def spent() -> float:
        return (time.process_time() - begun) / 60

    def progress(epoch: int, facts: Mapping[str, float]) -> None:
        told = ", ".join(f"{name} {value:.4f}" for name, value in facts.items())
        log.info("epoch %d of %d after %.1f CPU min: %s", epoch, epochs, spent(), told)

    def keep(state: State) -> None:
        if file is not None:
            unfinished = file.with_suffix(".new")
            unfinished.write_bytes(state.to_bytes())
            unfinished.replace(file)

    resume = State.from_bytes(file.read_bytes()) if file is not None and file.exists() else None
    return Watch(progress, keep, lambda: spent() > minutes, resume)
