"""Files of OCT devices: B-scans with their scale, place and the device's own boundaries."""
