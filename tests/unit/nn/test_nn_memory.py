"""Freed memory is kept: the pages of a large array are touched for the first time once."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
from resonaut.nn.memory import keep_memory

n = 80_000_000

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"1" * n
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults(), faults()
print(keep_memory(), *first, faults(), faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not GNU's")
def test_large_arrays_take_the_pages_of_those_before():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    kept, *faults = done.stdout.split()
    before, again, first, second = map(int, faults)
    assert kept == "True"
    pages = 80_000_000 / 4096
    assert min(before, again, first) > 0.1 * pages
    assert second < 0.01 * pages
