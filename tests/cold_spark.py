"""Sessions in processes of their own: tests that start them pay for a cold JVM each time."""

from __future__ import annotations

from semid.environment import archive

# A few rows: compiling a plan to bytecode costs more than running it, and so does planning it again after each stage
# (a cold night of 300 items took 54 and 57 s for 64 and 66).
_PLANS = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}


def variables() -> dict[str, str]:
    """Return the environment variables of a process that starts Spark for a few rows.

    They are Java system properties, which any Spark properties that the process itself gives outrank.
    """
    properties = [f"-D{key}={value}" for key, value in _PLANS.items()]
    return {"SPARK_SUBMIT_OPTS": " ".join([archive.java_options(), *properties]).strip()}
