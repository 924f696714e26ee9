"""The Delta jars: fetched once, checked by hash, kept where every Spark start finds them.

They go into pyspark's own `jars` folder, so that `semid`, `spark-submit`, `spark-sql` and a Thrift server
started from this environment all have Delta on the class path and none resolves anything again
(docs/decisions/0002-delta-jars.md).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from semid.errors import EnvironmentFault

PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"
# What the package needs and Spark 4.2 does not ship itself, by file name and sha256.
JARS = {
    "io.delta_delta-kernel-api-4.4.0.jar": "ee9b5a14ac3b7efdff4d61a58478fe8eb0e5a3fbca43889dca7290795fe79a11",
    "io.delta_delta-kernel-defaults-4.4.0.jar": "225c975199e4718b38ee5b7e6da7f19e9585024262b2cec2656b32151a856b0b",
    "io.delta_delta-kernel-unitycatalog-4.4.0.jar": "cea22dfb4ac562b3cd27bf652697750e8336009d73fb06631363aaaad5345ffa",
    "io.delta_delta-spark_4.2_2.13-4.4.0.jar": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    "io.delta_delta-storage-4.4.0.jar": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    "io.unitycatalog_unitycatalog-client-0.6.0.jar": "48257499a86b801a3e2372cec55ac226ca1c1c7eabe5c118e7302f29a1fdbc19",
    "io.unitycatalog_unitycatalog-hadoop-0.6.0.jar": "c47b63c961c87102b9e1d63809a0915ba4c86b7652f57c8d39ca3a05b441a150",
}


def spark_home() -> Path:
    """Return pyspark's folder: its launch scripts in `bin`, its class path in `jars`."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise EnvironmentFault("pyspark is not installed in this environment", next_step="make setup")
    return Path(spec.origin).parent


def missing_jars() -> list[str]:
    """Return the names of the Delta jars that are not on Spark's class path."""
    return [name for name in JARS if not (spark_home() / "jars" / name).is_file()]


def require_jars() -> None:
    """Raise EnvironmentFault when a Delta jar is missing."""
    if missing := missing_jars():
        raise EnvironmentFault(
            f"{len(missing)} Delta jar(s) are missing",
            where=str(spark_home() / "jars"),
            problems=missing,
            next_step="make setup (or python -m semid.environment.setup)",
        )


def fetch_jars() -> None:
    """Resolve the Delta package with Spark's own Ivy, check every jar's hash, put them on the class path."""
    if not missing_jars():
        return
    with tempfile.TemporaryDirectory() as ivy:
        _resolve(Path(ivy))
        problems = [p for name in JARS if (p := _problem(Path(ivy) / "jars" / name))]
        if problems:
            raise EnvironmentFault("the resolved Delta jars are not the pinned ones", problems=problems)
        for name in JARS:
            # Copy beside and rename: a start that runs at the same time never sees half a jar.
            partial = spark_home() / "jars" / f".{name}.{os.getpid()}"
            shutil.copyfile(Path(ivy) / "jars" / name, partial)
            partial.replace(spark_home() / "jars" / name)


def _resolve(ivy: Path) -> None:
    script = ivy / "nothing.py"
    script.write_text("")
    command = [str(spark_home() / "bin" / "spark-submit"), "--packages", PACKAGE, "--master", "local[1]"]
    command += ["--conf", f"spark.jars.ivy={ivy}", "--conf", "spark.ui.enabled=false", str(script)]
    environment = os.environ | {"SPARK_HOME": str(spark_home())}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise EnvironmentFault(
            "the Delta jars could not be resolved",
            where=PACKAGE,
            problems=done.stderr.strip().splitlines()[-3:],
            next_step="check the network, or put the jars into pyspark's jars folder by hand",
        )


def _problem(jar: Path) -> str:
    if not jar.is_file():
        return f"{jar.name}: not resolved"
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    return "" if found == JARS[jar.name] else f"{jar.name}: sha256 {found}, pinned {JARS[jar.name]}"
