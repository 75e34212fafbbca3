"""Where poses come from: recordings, a folder of OpenPose's JSON, videos, cameras."""

from skelmap.monitor.sources.camera import Camera
from skelmap.monitor.sources.folder import GrowingFolder
from skelmap.monitor.sources.recording import ClipSource, VideoSource
from skelmap.monitor.sources.source import Source

__all__ = ["Camera", "ClipSource", "GrowingFolder", "Source", "VideoSource"]
