"""Treks and their pictures: what the database holds, and the pages that show it."""
