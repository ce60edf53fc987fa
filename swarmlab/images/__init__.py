"""Images: the catalogue as data, and what engines make of it. See docs/images.md."""

from swarmlab.images.base import ROOT, Content, HistoryEntry, Image, ImageConfig, Images, Owner, Tree, uses_busybox
from swarmlab.images.catalogue import BUNDLED, About, Catalogue
from swarmlab.images.document import compose, config_fields
from swarmlab.images.document import read as read_document
from swarmlab.images.layer import (
    Bytes,
    Entry,
    Layer,
    LayerError,
    Slice,
    beginning,
    flatten,
    is_binary,
    pack,
    pack_into,
    with_parents,
)
from swarmlab.images.links import resolved
from swarmlab.images.reference import Reference, check_reference, parse_reference
from swarmlab.images.store import ImageStore, chain_ids
from swarmlab.images.tar import TarHeader, tar_writer

__all__ = [
    "BUNDLED",
    "ROOT",
    "About",
    "Bytes",
    "Catalogue",
    "Content",
    "Entry",
    "HistoryEntry",
    "Image",
    "ImageConfig",
    "ImageStore",
    "Images",
    "Layer",
    "LayerError",
    "Owner",
    "Reference",
    "Slice",
    "TarHeader",
    "Tree",
    "beginning",
    "chain_ids",
    "check_reference",
    "compose",
    "config_fields",
    "flatten",
    "is_binary",
    "pack",
    "pack_into",
    "parse_reference",
    "read_document",
    "resolved",
    "tar_writer",
    "uses_busybox",
    "with_parents",
]
