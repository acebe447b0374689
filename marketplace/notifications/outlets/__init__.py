"""Ways out of the site: e-mail, web push."""
