"""What a process imports as it begins where ``unrendered`` is asked for."""

import sys

from unrendered import Waiting

sys.meta_path.insert(0, Waiting())
