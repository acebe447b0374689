"""What happens to a scenario from outside: outages, crowds, clouds, and agents that break the rules."""
