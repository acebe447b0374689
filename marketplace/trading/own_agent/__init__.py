"""A person's own agent: rules in plain words, what follows from them, and a log of what it did (docs/agent.md)."""
