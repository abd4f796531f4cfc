"""Tests of the API's routes of photos and recordings."""
