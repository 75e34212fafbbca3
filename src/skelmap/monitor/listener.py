"""Who hears what a monitor says: files, films, the page, the console."""

from skelmap.monitor.sources import Source
from skelmap.monitor.watch import Event, Verdict


class Listener:
    """Hears of one source after the other. What it does not care for it leaves out.

    `frame` and `event` give what went wrong in telling it, which is then told to all; empty where nothing did. A
    monitor goes on whatever goes wrong: who listens must not raise.
    """

    def begin(self, source: Source) -> None:
        """A source is watched from now on."""

    def frame(self, verdict: Verdict, latency_ms: float) -> str:
        """A frame was judged, so many milliseconds after it came."""
        return ""

    def event(self, event: Event) -> str:
        """An alarm was raised or has ended."""
        return ""

    def trouble(self, text: str) -> None:
        """Something is wrong with the source or with a listener."""

    def end(self) -> None:
        """The source has ended."""

    def close(self) -> None:
        """The monitor has ended."""
