#!/usr/bin/env python
"""Django's command line for Runyard; `runyard up` is the door for people."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runyard.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
