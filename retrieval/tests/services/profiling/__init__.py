"""Tests of profiles that are computed later than their recordings are imported."""
