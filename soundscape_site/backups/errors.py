"""What stands in the way of a backup or of a restoration."""


class BackupError(Exception):
    """Says the value, the cause and what to do."""
