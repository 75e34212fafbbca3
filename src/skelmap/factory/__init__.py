"""The simulated factory: a worker in a workshop, a camera and a pose detector, all simulated."""

from skelmap.factory.camera import Camera
from skelmap.factory.write import write_factory

__all__ = ["Camera", "write_factory"]
