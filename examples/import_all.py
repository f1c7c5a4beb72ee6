"""Imports each top-level module of a merged tree, C extensions included, and prints their names.

    PYTHON import_all.py SITE-DIRECTORIES

For Python 2.7 to 3.14 and PyPy.
"""

import importlib
import os
import sys


def modules(directory):
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if os.path.isfile(os.path.join(path, "__init__.py")):
            yield name
            for inner in sorted(os.listdir(path)):
                if inner.endswith(".so"):
                    yield name + "." + inner.split(".")[0]
        elif name.endswith((".py", ".so")):
            yield name.split(".")[0]


imported = []
for site in sys.argv[1].split(os.pathsep):
    for module in modules(site):
        importlib.import_module(module)
        imported.append(module)
print(", ".join(imported) if imported else "nothing, because it has no modules")
