"""What people's own programs need: tokens, kept answers, webhooks."""
