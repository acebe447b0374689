"""Scenario files: their tables, and the networks and profiles that they name."""
