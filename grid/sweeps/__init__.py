"""Sweeps: one scenario with a grid of parameters and seeds, run on one machine or on a cluster. docs/sweeps.md."""
