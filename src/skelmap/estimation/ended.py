"""An estimator's process has ended."""

from skelmap.errors import UserError


class EstimatorEnded(UserError):
    """The process of an estimator has ended; with the next picture another is started."""
