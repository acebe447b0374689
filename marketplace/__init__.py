"""The Django project: people, credit, trading, billing, API and pages."""
