"""Labels are corrected: boundaries moved, what is odd repaired, neighbours used."""
