"""Files that other programs put into a folder."""
