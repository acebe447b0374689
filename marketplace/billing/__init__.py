"""Metered settlement, invoices and statements."""
