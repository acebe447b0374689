"""Networks from elsewhere: collections that come with Python packages, and MATPOWER cases."""
