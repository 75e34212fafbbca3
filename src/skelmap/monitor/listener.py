"""Who hears what a monitor says: files, films, the page, the console."""

from collections.abc import Sequence

from skelmap.monitor.sources import Source
from skelmap.monitor.watch import Event, Verdict


class Listener:
    """Hears of one source after the other; what it does not care for it leaves out.

    Attributes:
        trouble: what keeps it from its work at the moment, in the same words as long as it lasts; empty where nothing
            does. The monitor looks after each call, and tells all listeners.
    """

    trouble = ""

    def begin(self, source: Source) -> None:
        """A source is watched from now on."""

    def frame(self, verdict: Verdict, latency_ms: float) -> None:
        """A frame was judged, so many milliseconds after its picture came."""

    def event(self, event: Event) -> None:
        """An alarm was raised or has ended."""

    def hear_troubles(self, texts: Sequence[str]) -> None:
        """What is wrong has changed: with the source or with a listener; nothing where all is well."""

    def blind(self, seconds: float) -> None:
        """There is no frame when the stream is so many seconds old; said again and again, for time passes."""

    def end(self) -> None:
        """The source has ended, or the monitor was stopped."""

    def close(self) -> None:
        """The monitor has ended."""
