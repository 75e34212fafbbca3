"""Files of networks that the project does not ship."""

from pathlib import Path

from skelmap.errors import UserError


def weights_file(estimator: str, given: Path | None, usual: Path, source: str) -> Path:
    """Find an estimator's weights.

    Args:
        estimator: its name, for the message.
        given: the file that the user named, or None.
        usual: where it is looked for otherwise, relative to the working folder.
        source: where it comes from, for the message.

    Raises:
        UserError: the file is not there; says where to get it and where to put it.
    """
    path = given or usual
    if not path.is_file():
        raise UserError(
            f"estimator {estimator}: its weights {path} are not there; {source}, put it at {usual} or name it"
        )
    return path
