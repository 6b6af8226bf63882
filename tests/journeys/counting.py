"""The workload that notices a second run: counts to its log, and notes every start of itself in a file.

`counting.py FILE [PERIOD]`: one line every PERIOD seconds (0.1). Run by the embedded cluster, not imported.
"""

import os
import sys
import time
from itertools import count

with open(sys.argv[1], "a") as starts:
    print(os.getpid(), file=starts)
for number in count():
    print(f"count {number} of {os.getpid()}", flush=True)
    time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 0.1)
