"""The files of a virtual container: where each part of its tree lies, who may write it, and how much."""
