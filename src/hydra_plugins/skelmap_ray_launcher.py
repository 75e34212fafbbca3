"""A Hydra launcher that runs the cells of a sweep as Ray tasks, on this machine or on a Ray cluster.

Hydra finds launchers in the package hydra_plugins only. docs/sweeps.md says why this one is not hydra-ray-launcher.
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
    """Starts every cell as a Ray task; Ray runs as many at once as its CPUs and GPUs allow.

    Args:
        init: arguments of ray.init.
        remote: arguments of ray.remote: what a cell takes of the machine.
    """

    def __init__(self, init: DictConfig, remote: DictConfig) -> None:
        self._init: dict[str, Any] = OmegaConf.to_container(init, resolve=True)  # type: ignore[assignment]
        self._remote: dict[str, Any] = OmegaConf.to_container(remote, resolve=True)  # type: ignore[assignment]

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands over."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run cells.

        Args:
            job_overrides: of each cell.
            initial_job_idx: number of the first.

        Returns:
            What became of each, in the same order.

        Raises:
            CompactHydraException: a cell takes more GPUs than this machine has; Ray would wait for ever.
        """
        import ray  # an extra, and slow to import: Hydra loads this file at every start

        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        Path(self._config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        ray.init(**self._init)
        cell, state = ray.remote(**self._remote)(_run), Singleton.get_state()
        shared = ray.put((self._context, self._task, self._config, state))
        try:
            self._check_gpus(ray.cluster_resources().get("GPU", 0))
            returns: list[JobReturn] = ray.get(
                [cell.remote(shared, list(job), number) for number, job in enumerate(job_overrides, initial_job_idx)]
            )
        finally:
            ray.shutdown()
        return returns

    def _check_gpus(self, there: float) -> None:
        wanted = self._remote.get("num_gpus") or 0
        if self._init.get("address") is None and wanted > there:  # a cluster may grow
            raise CompactHydraException(f"hydra.launcher.remote.num_gpus={wanted}; allowed here: up to {there:g}")


def _run(shared: tuple[HydraContext, TaskFunction, DictConfig, Any], overrides: list[str], number: int) -> JobReturn:
    """Run one cell in a process of Ray's."""
    context, task, config, state = shared
    setup_globals()
    Singleton.set_state(state)
    cell = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(cell):
        cell.hydra.job.id = f"{cell.hydra.job.name}_{number}"
        cell.hydra.job.num = number
    HydraConfig.instance().set_config(cell)
    return run_job(
        hydra_context=context,
        task_function=task,
        config=cell,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
