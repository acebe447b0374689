"""People, their keys and personal data."""
