"""Says whether the Python that runs this can build a source tree: prints nothing, or why it cannot.

    PYTHON usable.py SOURCE-TREE

For Python 2.7 to 3.14 and PyPy.
"""

import os
import sys
import sysconfig


def why_not(source):
    try:
        import pip  # noqa: F401
    except ImportError:
        return "has no pip"
    if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
        return "has no headers (Python.h)"
    wanted = requires_python(source)
    if wanted and not accepted(wanted):
        return "is not among the Pythons that the package supports (%s)" % wanted
    return None


def requires_python(source):
    """The Requires-Python of the package's metadata, which every source distribution has."""
    try:
        with open(os.path.join(source, "PKG-INFO"), "rb") as metadata:
            for line in metadata:
                if line.startswith(b"Requires-Python:"):
                    return line.split(b":", 1)[1].strip().decode("ascii")
    except IOError:
        pass
    return None


def accepted(wanted):
    from pip._vendor.packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains("%d.%d.%d" % sys.version_info[:3], prereleases=True)


if __name__ == "__main__":
    reason = why_not(sys.argv[1])
    if reason:
        print(reason)
