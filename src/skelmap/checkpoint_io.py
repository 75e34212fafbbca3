"""Checkpoints are whole or not there."""

import io
import shutil
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO

from skelmap.files import replacing


class WholeCheckpoints(TorchCheckpointIO):
    """Replace a checkpoint at once, when all of it is on the disk.

    Lightning writes to the system's temporary folder and moves the file. Where that is another file system, as /tmp
    often is, moving is copying: a kill or a full disk in its middle leaves half a checkpoint in place of a good one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint.

        Raises:
            UserError: no space, no folder, no permission; what stood there before is intact.
        """
        content = io.BytesIO()  # writing to the file itself, torch would hide why the disk refuses
        torch.save(checkpoint, content)
        with replacing(Path(path), "wb") as file:
            file.write(content.getbuffer())


def adopt(checkpoint: Path, own: Path) -> None:
    """Give a run a copy of a checkpoint that is another run's, so that it does not matter what becomes of that.

    Args:
        checkpoint: the other run's.
        own: where it shall be; may be the same file already.

    Raises:
        UserError: no space, no folder, no permission; what stood there before is intact.
    """
    if own.exists() and own.samefile(checkpoint):
        return
    with replacing(own, "wb") as file, checkpoint.open("rb") as content:
        shutil.copyfileobj(content, file)
