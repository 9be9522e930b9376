"""The arena's parts, for benchmarks/arena.py: all methods by one protocol (docs/protocol.md)."""
