"""The console script: which Python greets, and how long the greeting is."""

import platform
import sys

from greetings import __version__, _count


def main():
    """Prints one line and succeeds."""
    words = " ".join(sys.argv[1:]) or "Good day"
    print(
        "%s from %s %s (%d characters, greetings %s)"
        % (words, platform.python_implementation(), platform.python_version(), _count.count(words), __version__)
    )
    return 0
