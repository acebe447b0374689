"""The operator: what a slot still takes, who gets it, and what is cut back where it does not fit."""
