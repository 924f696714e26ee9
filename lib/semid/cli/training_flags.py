"""The flags of `semid train-retrieval`, and what they ask for."""

from __future__ import annotations

import argparse
from dataclasses import fields
from datetime import date
from pathlib import Path

from semid.cli.flags import at_least, non_negative
from semid.downstream.plan import Plan
from semid.errors import ConfigError
from semid.frames.retrieval import Training
from semid.nights import day_of
from semid.tables.lock import local_path

NAMES = (
    *("kind", "shape", "history", "batch", "seed", "valid_from", "test_from"),
    *("epochs", "minutes", "learning_rate", "patience", "beam", "threads", "processes", "device"),
)
"""Flags that tell one training from another."""


def add_training_flags(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Return the parser with the flags added."""
    plan, training, add = Plan(), Training(), parser.add_argument
    whole = at_least(1)
    events = "Parquet or Delta: user_id, item_id, and position, timestamp or date"
    add("--interactions", metavar="FILE", required=True, help=events)
    add("--kind", choices=("decoder", "tiger"), default=plan.kind, help="compact decoder (default) or TIGER")
    add("--history", metavar="N", type=whole, default=plan.history, help="last items that are read; %(default)s")
    add("--batch", metavar="N", type=whole, default=plan.batch, help="histories per step; %(default)s")
    add("--valid-from", metavar="YYYY-MM-DD", help="split by time: first day of validation")
    add("--test-from", metavar="YYYY-MM-DD", help="first day of the test; without both: leave-one-out")
    add_learning_flags(parser, training)
    together = "that train together (TorchDistributor); %(default)s"
    add("--processes", metavar="N", type=whole, default=training.processes, help=together)
    where = "that it trains on, each process on one of its own: cpu (default) or cuda"
    add("--device", choices=("cpu", "cuda"), default=training.device, help=where)
    return parser


def add_learning_flags(parser: argparse.ArgumentParser, training: Training) -> None:
    """Add the flags of every generator that learns into a folder; `training` says what is usual."""
    add, whole, number = parser.add_argument, at_least(1), non_negative
    add("--output", metavar="DIR", required=True, help="new folder for the trained generator")
    add("--shape", metavar="NAME=N", action="append", default=[], help="a size of the model, for example layers=2")
    add("--seed", metavar="N", type=at_least(0), default=0, help="of weights and order; %(default)s")
    add("--epochs", metavar="N", type=whole, default=training.epochs, help="most passes; %(default)s")
    add("--minutes", metavar="X", type=number, default=training.minutes, help="of CPU, at most; %(default)s")
    add("--learning-rate", metavar="X", type=number, default=training.learning_rate, help="%(default)s")
    patience = "judgements without a better one; %(default)s"
    add("--patience", metavar="N", type=whole, default=training.patience, help=patience)
    add("--beam", metavar="N", type=at_least(10), default=training.beam, help="width of the search; %(default)s")
    add("--threads", metavar="N", type=whole, default=training.threads, help="of torch; %(default)s")


def plan_of(flags: argparse.Namespace) -> Plan:
    """Return which generator is asked for.

    Raises:
        ConfigError: A size is no NAME=NUMBER.
    """
    return Plan(flags.kind, shape_of(flags), flags.history, flags.batch, flags.seed)


def shape_of(flags: argparse.Namespace) -> dict[str, float]:
    """Return the sizes that are asked for by name.

    Raises:
        ConfigError: One is no NAME=NUMBER.
    """
    shape = {}
    for given in flags.shape:
        name, _, value = given.partition("=")
        try:
            shape[name] = float(value)
        except ValueError as error:
            raise ConfigError("a size of the model is NAME=NUMBER", where=f"--shape {given}") from error
    return shape


def training_of(flags: argparse.Namespace) -> Training:
    """Return how long is trained.

    Raises:
        EnvironmentFault: This process is to train on a GPU and has none.
    """
    if flags.processes == 1:  # others bring their own
        from semid.downstream.device import refuse_missing

        refuse_missing(flags.device)
    names = [field.name for field in fields(Training)]
    return Training(**{name: getattr(flags, name) for name in names})


def days_of(flags: argparse.Namespace) -> tuple[date, date] | None:
    """Return the first days of validation and test, or None for leave-one-out.

    Raises:
        ConfigError: Only one of them is given, or one is no date.
    """
    if flags.valid_from is None and flags.test_from is None:
        return None
    if flags.valid_from is None or flags.test_from is None:
        raise ConfigError("a split by time needs two days", where="--valid-from, --test-from")
    return day_of(flags.valid_from, "--valid-from"), day_of(flags.test_from, "--test-from")


def folder_of(flags: argparse.Namespace) -> Path:
    """Return the folder of the generator.

    Raises:
        ConfigError: It is not on this machine, where the training keeps its checkpoints.
    """
    folder = local_path(flags.output)
    if folder is None:
        raise ConfigError(
            "the generator is trained on this machine: give a folder of it", where=f"--output {flags.output}"
        )
    return folder.expanduser().absolute()
