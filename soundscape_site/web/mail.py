"""Sending e-mail."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend


class SmtpBackend(EmailBackend):
    """Sends by SMTP; each failure is an `SMTPException`, that of the connection too."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send messages and return how many were sent."""
        try:
            return super().send_messages(email_messages)
        except smtplib.SMTPRecipientsRefused as error:  # its text, which is logged, has addresses
            codes = sorted({code for code, _ in error.recipients.values()})
            raise smtplib.SMTPException(f"recipients refused with {codes}") from error
        except smtplib.SMTPException:
            raise
        except OSError as error:
            raise smtplib.SMTPException(f"{type(error).__name__}: {error}") from error
