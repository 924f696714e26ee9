"""A generator learnt by several processes that Spark starts: on this machine, or on the executors of a cluster."""

from __future__ import annotations

from dataclasses import replace

from pyspark.ml.torch.distributor import TorchDistributor
from pyspark.sql import SparkSession

from semid.downstream.retriever import refuse_unjudged
from semid.downstream.retriever_ranks import RankTask, refuse_small, train_rank
from semid.downstream.training import State
from semid.errors import EnvironmentFault


def fit_in_ranks(spark: SparkSession, task: RankTask, processes: int) -> State:
    """Return the state that the processes ended with; its weights are the best ones.

    Under a local master they run here and keep the checkpoint. On executors, which do not see this machine's files,
    nothing is kept: a training that is killed begins anew.

    Raises:
        InputRefused: Nobody has a history to be judged by.
        ConfigError: There are too few histories for so many processes.
        EnvironmentFault: They are to train on GPUs, and Spark has none to give them.
    """
    local, gpus = str(spark.sparkContext.master).startswith("local"), task.device == "cuda"
    if gpus:
        _refuse_without_gpus(spark, processes if local else 1, "driver" if local else "task")
    refuse_unjudged(task.corpus)
    refuse_small(task, processes)
    given = task if local else replace(task, checkpoint=None)
    told = TorchDistributor(processes, local_mode=local, use_gpu=gpus).run(train_rank, given)
    assert told is not None, "every rank returns bytes"
    return State.from_bytes(told)


def _refuse_without_gpus(spark: SparkSession, wanted: int, who: str) -> None:
    """Raise EnvironmentFault unless Spark gives the driver or a task the GPUs: the distributor would train on fewer."""
    key = f"spark.{who}.resource.gpu.amount"
    amount = spark.sparkContext.getConf().get(key, "0")
    if float(amount) < wanted:
        raise EnvironmentFault(
            f"Spark gives the {who} {amount} of the {wanted} GPUs that are wanted",
            where=f"--device cuda, {key}",
            next_step=f"submit with --conf {key}={wanted} and a discovery script, as in conf/spark/gpu.conf",
        )
