"""Exercises as data, the vocabulary they are written in, and the grading of what was done in a lab."""

from checker.notebook import Note, answer, assert_passed, check, hint, progress, quiz, start
from checker.result import Result

__all__ = ["Note", "Result", "answer", "assert_passed", "check", "hint", "progress", "quiz", "start"]
