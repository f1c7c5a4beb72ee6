"""Prints the directories of a merged tree from which the Python that runs this imports.

    PYTHON sitedirs.py DEST

A package built with --prefix=/usr lies where this Python would look if /usr were its own prefix. Debian's
Pythons look into dist-packages too, which they share: that comes last. For Python 2.7 to 3.14 and PyPy.
"""

import os
import sys
import sysconfig


SCHEMES = ("posix_prefix", "unix_prefix", "pypy", "posix_local", "unix_local", "deb_system")


def candidates():
    known = sysconfig.get_scheme_names()
    for scheme in [one for one in SCHEMES if one in known]:
        for prefix in ("/usr", "/usr/local"):
            values = {"base": prefix, "platbase": prefix, "installed_base": prefix, "installed_platbase": prefix}
            for name in ("purelib", "platlib"):
                yield sysconfig.get_path(name, scheme, values)


def main(dest):
    seen = []
    for path in candidates():
        inside = dest + path
        if inside not in seen and os.path.isdir(inside):
            seen.append(inside)
    print(os.pathsep.join(seen))


main(os.path.abspath(sys.argv[1]))
