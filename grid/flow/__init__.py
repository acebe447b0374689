"""Power flows in bulk, balanced and by phase."""
