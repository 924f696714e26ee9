"""One step of a chain at a time, for a scheduler with one task per step: the tasks of a night are one run.

Every task derives the same run id, because the same date, configuration and feed make it. So a step that is tried
again is the same step of the same run, and a feed that was corrected in between is another run, whose first steps
have not been done: it is refused here rather than published half old and half new.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyspark.sql import functions as F

from semid.cli.job import Context, Job, StepResult, run_steps
from semid.errors import RunConflict


def add_step_flag(parser: argparse.ArgumentParser, chain: Sequence[Job]) -> argparse.ArgumentParser:
    """Add `--step` for the steps of a chain and return the parser."""
    parser.add_argument(
        "--step", choices=[step.name for step in chain], help="only this step; those before it must be done"
    )
    return parser


def run_chain(ctx: Context, chain: Sequence[Job]) -> StepResult:
    """Run the step that `--step` names, or all of them.

    Returns:
        The rows that the chain's first step has read and those that the last step now has written; a part of the
        result unless that was the chain's last.

    Raises:
        RunConflict: An earlier step of this run is not done.
    """
    names = [step.name for step in chain]
    # The flags of a backfill, which runs whole nights, have no --step.
    chosen = getattr(ctx.flags, "step", None)
    todo = chain if chosen is None else [step for step in chain if step.name == chosen]
    earlier = rows_read(ctx, names[: names.index(todo[0].name)])
    results = run_steps(ctx, todo)
    read = {**earlier, **{name: result.rows_in for name, result in results.items()}}
    last = todo[-1].name
    return StepResult(read[names[0]], results[last].rows_out, results[last].metrics, whole=last == names[-1])


def rows_read(ctx: Context, steps: Sequence[str]) -> dict[str, int]:
    """Return how many rows each of the named steps of this run has read.

    Raises:
        RunConflict: One of them is not done.
    """
    if not steps:
        return {}
    rows = ctx.store.read("run").where(F.col("run_id").startswith(f"{ctx.run_id}/")).collect()
    done = {str(row.job): int(row.rows_in) for row in rows if row.status == "done"}
    if missing := [step for step in steps if step not in done]:
        raise RunConflict(
            f"run {ctx.run_id} has not done {', '.join(missing)}",
            where="table run",
            problems=[] if rows else ["it has no step at all: feed or configuration have changed since the first step"],
            next_step="run the steps of this date again, from the first one",
        )
    return done
