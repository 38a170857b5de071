"""octsam-tiny beside others that learnt from the same B-scans or work with the same boxes.

    python -m recipes.octsam_tiny.rivals train unet DATA FOLDER
    python -m recipes.octsam_tiny.rivals train sam DATA FOLDER
    python -m recipes.octsam_tiny.rivals page DATA FOLDER docs/octsam_tiny_rivals.md

A training that was stopped goes on where it was.
"""
