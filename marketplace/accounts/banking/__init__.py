"""Bank statements in machine-readable forms, and what they show. Pure: bytes in, figures out."""
