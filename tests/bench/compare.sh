#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare.sh [--seconds 5] [--rounds 3] [--connections N] [--only weir,nginx] [SCENARIO ...]: CPU per
# request of weir, nginx and haproxy side by side, and their latencies at a constant arrival rate.
exec "${PYTHON:-/usr/bin/python3}" -B "$(dirname "$0")/compare.py" "$@"
