"""The protocol core: pure functions on frozen data, no I/O and no clock."""
