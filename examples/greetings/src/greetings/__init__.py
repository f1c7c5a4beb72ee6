"""Greets, and counts in C how often."""

__version__ = "1.0"
