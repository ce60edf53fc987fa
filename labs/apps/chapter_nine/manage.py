#!/usr/bin/env python
"""Django's commands for this project: `python manage.py migrate` and others."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chapter_nine.settings")
    execute_from_command_line(sys.argv)
