"""A person's own agent on a machine of the person's own (docs/agent.md): `python -m marketplace.client agent --key key.json`."""
