"""The exception of the embedded services."""


class ServicesError(Exception):
    """The services are unavailable; the message says why and what to do."""
