"""Prints a summary of the demo.

    python3 summary.py MERGE.json DEST SECONDS IMPLEMENTATIONS
"""

import json
import os
import sys


def main(merge, dest, seconds, implementations):
    with open(merge) as lines:
        summary = [one for one in map(json.loads, lines) if one["event"] == "summary"][-1]
    files = sum(len(names) for _, _, names in os.walk(dest))
    methods = [
        ("whole directories renamed", summary["moved_directories"]),
        ("renamed", summary["moved"]),
        ("linked", summary["linked"]),
        ("reflinked", summary["reflinked"]),
        ("copied", summary["copied"]),
        ("the same in two images", summary["same"]),
    ]
    print("Summary:")
    print("  implementations  %s" % implementations)
    print("  seconds          %s" % seconds)
    print("  files merged     %d" % files)
    print("  by method        %s" % ", ".join("%d %s" % (n, what) for what, n in methods if n))
    print("  conflicts        %d" % summary["conflicts"])


main(*sys.argv[1:])
