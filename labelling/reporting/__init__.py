"""What a campaign's grades say: from rows of numbers to a report, in NumPy, without Django."""
