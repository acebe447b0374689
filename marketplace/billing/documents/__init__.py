"""A bill as others read it: PDF/A-3 with its figures as XML inside (Factur-X, EN 16931), and CSV."""
