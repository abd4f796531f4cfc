"""Tests of photos from upload to result."""
