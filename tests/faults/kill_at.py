"""Run `semid` in this process and end it, as kill -9 does, when a function is entered or left.

Usage: kill_at.py (before|after) MODULE:FUNCTION COMMAND [FLAGS]
A job's `main` is named `semid.jobs.embed_items:main`.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from dataclasses import replace
from typing import Any

from semid.cli.main import main


def die() -> None:
    """End this process at once: no handler, no `finally`, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(when: str, target: str) -> None:
    """Make the function die before or after its work."""
    module_name, function_name = target.split(":")
    module = importlib.import_module(module_name)
    original = getattr(module, function_name)

    def deadly(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            die()
        original(*args, **kwargs)
        die()

    setattr(module, function_name, deadly)
    if hasattr(module, "JOB"):
        module.JOB = replace(module.JOB, main=deadly)


if __name__ == "__main__":
    arm(sys.argv[1], sys.argv[2])
    sys.exit(main(sys.argv[3:]))
