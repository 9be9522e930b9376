"""Where YAML becomes objects: composition, checks, and the closed door."""
