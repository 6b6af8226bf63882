"""`python -m runyardctl` is the `runyard` command."""

import sys

from runyardctl.main import main

sys.exit(main())
