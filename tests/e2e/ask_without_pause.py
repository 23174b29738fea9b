#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ask_without_pause.py PREFIX: a client of the telemetry socket that never stops asking, until slowshake has ended."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from telemetry import Telemetry

telemetry = Telemetry(sys.argv[1])
try:
    while telemetry.text('/slowshake/phases'):
        pass
except OSError:
    pass
