"""E-mail: which server sends it, and from whom. Locally it is printed instead."""

from __future__ import annotations

from soundscape_site.settings import env

_server = env.mail_server("SOUNDSCAPE_EMAIL_URL", "console:")
EMAIL_BACKEND = _server.backend
EMAIL_HOST = _server.host
EMAIL_PORT = _server.port
EMAIL_HOST_USER = _server.user
EMAIL_HOST_PASSWORD = _server.password
EMAIL_USE_TLS = _server.starttls
EMAIL_USE_SSL = _server.implicit_tls
EMAIL_TIMEOUT = 5  # seconds for each step; a visitor waits for it

DEFAULT_FROM_EMAIL = env.mailbox("SOUNDSCAPE_EMAIL_FROM", "Soundscape <noreply@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
