"""Labels in µm and mm: thickness of layers, size of lesions, by the places of the macula."""
