"""The Spark jobs, one page each; `semid <name>` and `spark-submit jobs/<name>.py` run the same `main`."""
