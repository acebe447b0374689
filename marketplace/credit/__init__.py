"""Merchants, applications, agreements and credit notes."""
