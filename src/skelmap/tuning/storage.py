"""The trials of a search on disk, shared by all its workers; survives the death of any of them."""

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
"""A million epochs and more."""


class TrialStorage:
    """Hands out trials and books their outcomes.

    Whoever runs a trial holds a lock on its folder, which the kernel drops when the process dies: a running trial
    without a holder is taken up again, under its number and in its folder. All locks are of this machine.

    Args:
        folder: of the search; made if need be.
        seed: a trial's values depend on it, on the trial's number and on the trials before.
        warmup: epochs before a trial may be pruned.

    Attributes:
        folder: of the search.
        lock: hold it to read the trials and act upon them.
        study: Optuna's view of the trials.
    """

    def __init__(self, folder: Path, seed: int, warmup: int) -> None:
        self.folder, self.seed = folder, seed
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock = FileLock(folder / "search.lock")
            with self.lock:
                self.study = optuna.create_study(
                    storage=_storage(folder / "journal.log"),
                    study_name="search",
                    load_if_exists=True,
                    pruner=MedianPruner(n_startup_trials=5, n_warmup_steps=warmup),
                )
        except OSError as error:
            raise UserError(f"{folder}: the search's folder cannot be written ({error.strerror})") from error
        except UserError:
            raise
        except Exception as error:  # Optuna checks nothing that it reads
            raise UserError(f"{folder / 'journal.log'}: damaged ({type(error).__name__}: {error})") from error
        self._held: dict[int, FileLock] = {}

    def begin(self, terms: dict[str, Any]) -> None:
        """Remember what the search is about.

        Args:
            terms: plain values.

        Raises:
            UserError: the folder holds trials of another search.
        """
        with self.lock:
            if self.study.get_trials() and self.study.user_attrs.get("terms") != terms:
                raise UserError(f"{self.folder}: holds a search with other settings; choose another with --folder")
            self.study.set_user_attr("terms", terms)

    def next(self, asked: int) -> Trial | None:
        """Take up a trial whose worker died, else begin a new one; None where there are enough.

        Args:
            asked: trials that the search shall have.
        """
        with self.lock:
            for left in self.study.get_trials(states=(TrialState.RUNNING,)):
                if self._claims(left.number):
                    return Trial(self.study, left._trial_id)  # Optuna has no other way to a trial it has begun
            number = len(self.study.get_trials(deepcopy=False))
            if number >= asked or not self._claims(number):
                return None
            return self.study.ask()

    def _claims(self, number: int) -> bool:
        """Hold a trial, unless another worker does; its values then come from a generator of its own."""
        trial_folder(self.folder, number).mkdir(parents=True, exist_ok=True)
        claim = FileLock(trial_folder(self.folder, number) / "worker.lock")
        try:
            claim.acquire(blocking=False)
        except Timeout:
            return False
        self._held[number] = claim
        draw = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self.study.sampler = TPESampler(seed=draw)  # one seed for all would draw the same for every worker
        return True

    def finish(self, trial: Trial, state: TrialState, value: float | None) -> None:
        """Book an outcome; of a pruned trial, Optuna takes the last reported value."""
        with self.lock:
            self.study.tell(trial, value, state)
            self._held.pop(trial.number).release()


def trial_folder(folder: Path, number: int) -> Path:
    """Name a trial's folder."""
    return folder / "trials" / f"{number:03d}"


def _storage(journal: Path) -> JournalStorage:
    """Open the journal with a lock that a killed process cannot leave behind, and without a half-written last line."""
    lock = FileLock(journal.with_suffix(".lock"))
    with lock:
        if journal.exists() and not (content := read_bytes(journal, MAX_JOURNAL_BYTES)).endswith(b"\n"):
            journal.write_bytes(content[: content.rfind(b"\n") + 1])
    return JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))  # type: ignore[arg-type]  # has all it needs
