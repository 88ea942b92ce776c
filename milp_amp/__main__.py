"""``python -m milp_amp`` is ``milp-amp``."""

import sys

from milp_amp.cli import main

sys.exit(main())
