"""`python -m semid.cli.local_airflow`: an Airflow on this machine, with the DAGs checked and one night run by them.

What `make airflow` does once both environments are there. Everything it writes is in the folder `airflow`: Airflow's
own database and logs, a feed of 500 items, a warehouse, and `env.sh` for the shell that starts Airflow's services.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from semid.cli.demo_catalog import write_feeds
from semid.environment import archive
from semid.environment.jars import spark_home
from semid.environment.java import require_java

ROOT = Path(__file__).resolve().parents[3]
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "airflow"
NIGHT = "2026-01-05"
ITEMS = 500
POOL = "semid_warehouse"
SETTINGS = "codebook:\n  sizes: [16, 16, 16]\n"

TESTED = {"SEMID_DEADLINES": "off"}
"""Environment of `airflow dags test`, which in Airflow 3.3.2 cannot finish the run of a DAG with a deadline."""

CHECK = """
import sys
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
bag = BundleDagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
for file, error in bag.import_errors.items():
    print(file, error, sep="\\n", file=sys.stderr)
print(*sorted(bag.dags))
sys.exit(bool(bag.import_errors) or not bag.dags)
"""


def variables(home: Path, feed: str) -> dict[str, str]:
    """Return the environment variables of an Airflow whose home is `home` and whose nights read `feed`."""
    connection = {"conn_type": "spark", "host": "local[*,4]", "extra": {"deploy-mode": "client"}}
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # `airflow standalone` would serve every address of the machine.
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW_CONN_SEMID_SPARK": json.dumps(connection),
        "AIRFLOW_VAR_SEMID_WAREHOUSE": str(home / "warehouse"),
        "AIRFLOW_VAR_SEMID_FEED": feed,
        "AIRFLOW_VAR_SEMID_CONFIG": str(home / "semid.yaml"),
        "JAVA_HOME": str(require_java()),
        "SEMID_HOME": str(ROOT),
        "SEMID_SPARK_HOME": str(spark_home()),
        # Six tasks start six short JVMs, each from the class archive.
        "SPARK_SUBMIT_OPTS": archive.java_options(),
    }


def prepare(home: Path, environment: dict[str, str], settings: str) -> None:
    """Make a home with Airflow's database, the pool, and the settings of semid."""
    home.mkdir(parents=True)
    (home / "semid.yaml").write_text(settings)
    for arguments in (["db", "migrate"], ["pools", "set", POOL, "1", "one writer of the warehouse at a time"]):
        subprocess.run([AIRFLOW, *arguments], env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Make the local Airflow anew, check that the DAGs import, run one night, and return its exit code."""
    home = ROOT / "airflow"
    shutil.rmtree(home, ignore_errors=True)
    feed = home / "feed.parquet"
    environment = variables(home, str(feed))
    prepare(home, environment, SETTINGS)
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pq.read_table(write_feeds(Path(folder))[0]).slice(0, ITEMS), feed)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    exports.append(f"export PATH={AIRFLOW.parent}:$PATH")
    (home / "env.sh").write_text("\n".join([*exports, ""]))
    python = str(AIRFLOW.parent / "python")
    for command in (
        [python, "-c", CHECK, str(ROOT / "airflow_dags")],
        [str(AIRFLOW), "dags", "test", "semid_nightly", NIGHT],
    ):
        if code := subprocess.run(command, env=os.environ | environment | TESTED, check=False).returncode:
            return code
    print(f"\nThe night is in {home}/warehouse. Airflow itself: source {home}/env.sh && airflow standalone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
