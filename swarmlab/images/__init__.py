"""The image catalogue as data: a folder an image, with its manifest and its root file system. See docs/images.md."""

from swarmlab.images.base import HistoryEntry, Image, ImageConfig
from swarmlab.images.catalogue import BUNDLED, Catalogue
from swarmlab.images.reference import Reference, parse_reference

__all__ = ["BUNDLED", "Catalogue", "HistoryEntry", "Image", "ImageConfig", "Reference", "parse_reference"]
