"""Pure market mechanisms and agent strategies."""
