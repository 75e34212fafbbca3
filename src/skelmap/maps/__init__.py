"""Skeleton maps: how they are drawn, packed and cached."""

from skelmap.maps.cache import MapCache, open_cache
from skelmap.maps.draw import MapSettings, draw_maps
from skelmap.maps.keypoints import KeypointSettings
from skelmap.maps.packing import pack_maps, unpack_maps
from skelmap.maps.sources import content_digest

__all__ = [
    "KeypointSettings",
    "MapCache",
    "MapSettings",
    "content_digest",
    "draw_maps",
    "open_cache",
    "pack_maps",
    "unpack_maps",
]
