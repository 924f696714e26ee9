"""The cores and the GPU that Spark gave a task, handed to torch."""

from __future__ import annotations

import os

from pyspark import TaskContext

from semid.text.embedder import device_for, use


def task_device() -> str:
    """In a task: make torch use the task's own cores and GPU, and return the device.

    Raises:
        EnvironmentFault: The GPU that Spark gave the task cannot be used.
    """
    context = TaskContext.get()
    assert context is not None, "runs in a Spark task"
    device = device_for(context.resources(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    # local[2] runs two tasks at once: each takes the cores of its task and no more.
    use(device, threads=context.cpus())
    return device
