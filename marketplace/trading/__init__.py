"""Listings, matching, deliveries; the way of a trade."""
