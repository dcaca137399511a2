"""Runs one contestant, `module.function`, on JSON options; prints the seconds that it worked."""

import json
import sys
import time
from importlib import import_module

module, _, function = sys.argv[1].partition(".")
work = getattr(import_module(f"benchmarks.contestants.{module}"), function)
options = json.loads(sys.argv[2])
start = time.perf_counter()
work(**options)
print(time.perf_counter() - start)
