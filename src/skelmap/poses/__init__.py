"""People's keypoints: layouts, clips, readers and the manifest."""

from skelmap.poses.clip import Clip, clean_keypoints
from skelmap.poses.layouts import BODY_25, COCO_17, COCO_18, LAYOUTS, PARTS, Layout, neck_positions, with_neck
from skelmap.poses.linking import PeopleTracker
from skelmap.poses.manifest import Manifest, Recording, Span, check_spans, read_manifest, write_manifest
from skelmap.poses.readers import (
    JsonFormat,
    frame_number,
    read_clip,
    read_layout,
    read_people,
    source_files,
    write_clip,
)

__all__ = [
    "BODY_25",
    "COCO_17",
    "COCO_18",
    "LAYOUTS",
    "PARTS",
    "Clip",
    "JsonFormat",
    "Layout",
    "Manifest",
    "PeopleTracker",
    "Recording",
    "Span",
    "check_spans",
    "clean_keypoints",
    "frame_number",
    "neck_positions",
    "read_clip",
    "read_layout",
    "read_manifest",
    "read_people",
    "source_files",
    "with_neck",
    "write_clip",
    "write_manifest",
]
