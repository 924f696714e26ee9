"""`semid <command>`: every job by its name, and the commands that read without Spark."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from importlib import import_module, resources

Command = Callable[[Sequence[str]], int]

# Commands that are no jobs: module and what they do. They must not load Spark, so they are imported when called.
READERS = {
    "sql": "answer a query on the tables, without Spark",
    "catalog": "print the script of views and functions for spark-sql, a Thrift server or the DuckDB shell",
    "tree": "show what the codes mean: the labelled tree, with items, purity and an example",
    "explain": "show how one item came to its ID, and what is near it",
    "export": "write the IDs as files for services: valid IDs, tensors, a trie, a tokenizer",
    "cold-items": "show where new items have landed, and the traffic there",
    "report": "write the newest release and the history as HTML pages",
    "status": "show releases, codebooks and the last verdict",
    "verify": "read everything that is stored and compare it with what was written",
    "demo": "run two nights on the embedded catalog and show the result",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0
    if name in READERS:
        command: Command = import_module(f"semid.cli.{name.replace('-', '_')}").main
        return command(arguments[1:])
    if name in job_names():
        job = import_module(f"semid.jobs.{name.replace('-', '_')}").JOB
        run: Callable[..., int] = import_module("semid.cli.job").run_job
        return run(job, arguments[1:])
    print(f"semid: no command {name!r}\n\n{_help()}", file=sys.stderr)
    return 2


def job_names() -> list[str]:
    """Return the names of the jobs as commands, sorted."""
    files = [file.name for file in resources.files("semid.jobs").iterdir()]
    return sorted(f.removesuffix(".py").replace("_", "-") for f in files if f.endswith(".py") and f != "__init__.py")


def _help() -> str:
    rows = [(name, _first_line(name)) for name in job_names()] + list(READERS.items())
    lines = [f"  {name:<18}{what}" for name, what in rows]
    return "\n".join(["usage: semid <command> [flags]      (semid <command> --help shows the flags)", "", *lines])


def _first_line(name: str) -> str:
    source = resources.files("semid.jobs").joinpath(f"{name.replace('-', '_')}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
