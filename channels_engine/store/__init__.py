"""Durable endpoints, messages and effects: Django models and their repository."""
