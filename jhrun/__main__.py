"""``python -m jhrun`` is ``jhrun``."""

import sys

from jhrun.cli import main

sys.exit(main())
