"""The trials of a study on disk, shared by all worker processes on a machine."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock, Timeout
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from skelmap.utils.errors import UserError
from skelmap.utils.io import read_bytes

MAX_JOURNAL_BYTES = 2**30
"""Enough for a million epochs."""


class TrialStorage:
    """Distributes trials to workers and stores their results.

    The worker of a trial holds a file lock in the trial's folder. The operating system releases it when the process
    ends, so that another worker can continue the trial under the same number and in the same folder.

    Args:
        folder: of the study; created if necessary.
        seed: the values of a trial depend on it, on the trial's number, and on the trials before.
        warmup: epochs before a trial may be pruned.

    Attributes:
        folder: of the study.
        lock: to be held while reading the trials and acting on them.
        study: Optuna's study.
    """

    def __init__(self, folder: Path, seed: int, warmup: int) -> None:
        self.folder, self.seed = folder, seed
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock = FileLock(folder / "study.lock")
            with self.lock:
                self.study = optuna.create_study(
                    storage=_open_journal(folder / "journal.log"),
                    study_name="tuning",
                    load_if_exists=True,
                    pruner=MedianPruner(n_startup_trials=5, n_warmup_steps=warmup),
                )
        except OSError as error:
            raise UserError(f"{folder}: cannot be written ({error.strerror})") from error
        except UserError:
            raise
        except Exception as error:  # Optuna does not check what it reads
            raise UserError(f"{folder / 'journal.log'}: damaged ({type(error).__name__}: {error})") from error
        self._worker_locks: dict[int, FileLock] = {}

    def check_settings(self, settings: dict[str, Any]) -> None:
        """Store the settings of the study, or compare them with the stored ones.

        Args:
            settings: plain values: configuration, search space and digests of the data.

        Raises:
            UserError: the folder has trials with other settings.
        """
        with self.lock:
            if self.study.get_trials() and self.study.user_attrs.get("settings") != settings:
                raise UserError(f"{self.folder}: holds trials with other settings or data; choose another --folder")
            self.study.set_user_attr("settings", settings)

    def next_trial(self, n_trials: int) -> Trial | None:
        """Continue a trial whose worker has ended, or start a new one.

        Args:
            n_trials: number of trials of the study.

        Returns:
            A trial that this process now holds; None if all trials are finished or held by other workers.
        """
        with self.lock:
            for running in self.study.get_trials(states=(TrialState.RUNNING,)):
                if self._acquire(running.number):
                    return Trial(self.study, running._trial_id)  # Optuna has no public way to reopen a trial
            number = len(self.study.get_trials(deepcopy=False))
            if number >= n_trials or not self._acquire(number):
                return None
            return self.study.ask()

    def _acquire(self, number: int) -> bool:
        """Lock a trial and seed the sampler for it; False if another worker holds it."""
        trial_folder(self.folder, number).mkdir(parents=True, exist_ok=True)
        lock = FileLock(trial_folder(self.folder, number) / "worker.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        self._worker_locks[number] = lock
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self.study.sampler = TPESampler(seed=seed)  # with one seed, all workers would draw the same values
        return True

    def finish(self, trial: Trial, state: TrialState, value: float | None) -> None:
        """Store the result of a trial; Optuna takes the last reported loss as the value of a pruned one."""
        with self.lock:
            self.study.tell(trial, value, state)
            self._worker_locks.pop(trial.number).release()


def trial_folder(folder: Path, number: int) -> Path:
    """Path of a trial's folder in the folder of the study."""
    return folder / "trials" / f"{number:03d}"


def _open_journal(path: Path) -> JournalStorage:
    """Open the journal; removes a last line that a killed process left incomplete.

    It uses a file lock that the operating system releases, since Optuna's own lock outlives a killed process.
    """
    lock = FileLock(path.with_suffix(".lock"))
    with lock:
        if path.exists() and not (content := read_bytes(path, MAX_JOURNAL_BYTES)).endswith(b"\n"):
            path.write_bytes(content[: content.rfind(b"\n") + 1])
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))  # type: ignore[arg-type]  # a context manager
