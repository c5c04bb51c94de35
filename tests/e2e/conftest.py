# SPDX-License-Identifier: Apache-2.0
"""Makes `import weirtest` work from every directory of cases, whatever pytest was started with."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
