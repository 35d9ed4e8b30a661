"""Writes problem reports, reproducers and the HTML page."""
