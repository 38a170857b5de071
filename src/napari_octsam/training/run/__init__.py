"""A run as a folder: begun, locked, recorded, gone on with, reported."""
