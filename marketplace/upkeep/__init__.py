"""Work that comes round by itself: retention, reminders, expiries. One process at a time does each piece."""
