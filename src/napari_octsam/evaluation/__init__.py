"""How good masks are, measured against the truth."""
