"""Skeleton maps: how they are drawn, packed and cached."""

from skelmap.maps.cache import MapCache, open_cache
from skelmap.maps.draw import MapSettings, draw_maps
from skelmap.maps.keypoints import KeypointSettings
from skelmap.maps.packing import pack_maps, unpack_maps

__all__ = ["KeypointSettings", "MapCache", "MapSettings", "draw_maps", "open_cache", "pack_maps", "unpack_maps"]
