"""What belongs to one viewer: its model, its schema, its settings."""
