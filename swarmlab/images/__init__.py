"""Images: the catalogue as data, and what engines make of it. See docs/images.md."""

from swarmlab.images.base import Content, HistoryEntry, Image, ImageConfig, Images, Tree
from swarmlab.images.catalogue import BUNDLED, About, Catalogue
from swarmlab.images.document import compose, config_fields
from swarmlab.images.layer import (
    Bytes,
    Entry,
    Layer,
    LayerError,
    Slice,
    beginning,
    flatten,
    pack,
    pack_into,
    with_parents,
)
from swarmlab.images.links import is_binary
from swarmlab.images.reference import Reference, check_reference, parse_reference
from swarmlab.images.store import ImageStore, chain_ids

__all__ = [
    "BUNDLED",
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
    "Reference",
    "Slice",
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
    "with_parents",
]
