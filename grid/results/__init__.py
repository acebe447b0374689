"""What a scenario's slots brought, as it is stored, summed up and shown; the same for every way to trade."""
