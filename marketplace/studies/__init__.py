"""People's own feeders: their files, sealed and checked, and the studies that they run on them."""
