"""The networks of an engine, and the places of its containers on them."""
