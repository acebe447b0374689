"""Django glue."""
