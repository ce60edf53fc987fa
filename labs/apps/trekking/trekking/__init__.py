"""The Panoramic Trekking App: its settings, and how a server finds it."""
