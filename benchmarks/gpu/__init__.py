"""The parts of a call of ``benchmarks/gpu.py``, each a process of its own, and the queue of their jobs."""
