"""The one error of the embedded services."""


class ServicesError(Exception):
    """The services cannot be had; the message says why and what to do."""

    code = "services_unavailable"
