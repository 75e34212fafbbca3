"""Hydra launcher that runs the jobs of a sweep as Ray tasks, on this machine or on a Ray cluster.

It is here because Hydra finds launchers in the package hydra_plugins only. The package hydra-ray-launcher is not used:
it requires an old version of cloudpickle.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict


class RayLauncher(Launcher):
    """Starts each job as a Ray task; Ray runs as many at once as CPUs and GPUs allow.

    Args:
        init: arguments of ray.init.
        remote: arguments of ray.remote: the resources of a job.
    """

    def __init__(self, init: DictConfig, remote: DictConfig) -> None:
        self._init: dict[str, Any] = OmegaConf.to_container(init, resolve=True)  # type: ignore[assignment]
        self._remote: dict[str, Any] = OmegaConf.to_container(remote, resolve=True)  # type: ignore[assignment]

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store what Hydra passes to its launchers."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs.

        Args:
            job_overrides: for each job, a list of `key=value`.
            initial_job_idx: number of the first job.

        Returns:
            The result of each job, in the same order.

        Raises:
            CompactHydraException: a job needs more GPUs than this machine has; Ray would wait for ever.
        """
        import ray  # optional, and slow to import: Hydra loads this file at every start

        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        Path(self._config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        ray.init(**self._init)
        remote_job, state = ray.remote(**self._remote)(_run_job), Singleton.get_state()
        shared = ray.put((self._context, self._task, self._config, state))
        try:
            self._check_gpus(ray.cluster_resources().get("GPU", 0))
            tasks = [remote_job.remote(shared, list(job), i) for i, job in enumerate(job_overrides, initial_job_idx)]
            returns: list[JobReturn] = ray.get(tasks)
        finally:
            ray.shutdown()
        return returns

    def _check_gpus(self, available: float) -> None:
        needed = self._remote.get("num_gpus") or 0
        if self._init.get("address") is None and needed > available:  # a cluster may grow
            raise CompactHydraException(f"hydra.launcher.remote.num_gpus={needed}; allowed here: up to {available:g}")


def _run_job(shared: tuple[HydraContext, TaskFunction, DictConfig, Any], overrides: list[str], index: int) -> JobReturn:
    """Run one job in a Ray process."""
    context, task, config, state = shared
    setup_globals()
    Singleton.set_state(state)
    job = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(job):
        job.hydra.job.id = f"{job.hydra.job.name}_{index}"
        job.hydra.job.num = index
    HydraConfig.instance().set_config(job)
    return run_job(
        hydra_context=context,
        task_function=task,
        config=job,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
