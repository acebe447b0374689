"""What people are told: on the site, by e-mail, by web push, to their programs."""
