"""The flags of `semid train-search`, and what they ask for."""

from __future__ import annotations

import argparse

from semid.cli.flags import at_least
from semid.cli.training_flags import add_learning_flags, shape_of
from semid.downstream.plan import SearchPlan
from semid.frames.retrieval import Training

NAMES = (
    *("kind", "shape", "per_item", "batch", "seed", "epochs"),
    *("minutes", "learning_rate", "patience", "beam", "threads", "device"),
)
"""Flags that tell one training from another."""

USUAL = Training(epochs=8, learning_rate=2e-3)
"""Queries made of items are few and alike: after eight passes Beauty's validation rises no more."""


def add_search_flags(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Return the parser with the flags added."""
    plan, add, whole = SearchPlan(), parser.add_argument, at_least(1)
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--queries", metavar="FILE", help="Parquet or Delta: query, item_id; else made of items")
    asked.add_argument("--per-item", metavar="N", type=whole, default=4, help="queries made of an item; %(default)s")
    add("--kind", choices=("decoder", "tiger"), default=plan.kind, help="compact decoder (default) or TIGER")
    add("--batch", metavar="N", type=whole, default=plan.batch, help="queries per step; %(default)s")
    add_learning_flags(parser, USUAL)
    add("--device", choices=("cpu", "cuda"), default=USUAL.device, help="that it trains on: cpu (default) or cuda")
    parser.set_defaults(processes=USUAL.processes)
    return parser


def search_plan_of(flags: argparse.Namespace) -> SearchPlan:
    """Return which search index is asked for.

    Raises:
        ConfigError: A size is no NAME=NUMBER.
    """
    return SearchPlan(flags.kind, shape_of(flags), batch=flags.batch, seed=flags.seed)
