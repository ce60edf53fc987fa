"""What an engine does with containers: their records, their making, their lives."""
