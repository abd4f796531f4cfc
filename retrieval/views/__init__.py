"""Translate HTTP: nothing else happens here."""
