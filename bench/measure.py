"""Times things beside each other and prints ratios with their bounds.

Each round runs every contestant once, so that whatever the machine does meanwhile hits all of them; the
ratio is that of the medians, and the spread is shown. A bound that is missed is said plainly and is no
error of the bench.

    from measure import Table, run
    table = Table("img-merge beside cp -aln")
    table.compare("200,000 files", lambda: run(["img-merge", "i", "d"]), lambda: run(["cp", "-aln", "i/.", "d"]),
                  at_most=0.5, before=clear)
    table.note("strace -fc: 120 calls", at_most=200, value=120)
"""

import os
import resource
import statistics
import subprocess
import time


def run(argv, **options):
    """Runs a command to its end and fails loudly if it does; the output is thrown away."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.DEVNULL)
    done = subprocess.run(argv, stderr=subprocess.PIPE, **options)
    if done.returncode:
        raise SystemExit("%s: status %d\n%s" % (argv, done.returncode, done.stderr.decode(errors="replace")))


def alternate(contestants, rounds, before=None):
    """Seconds of each contestant, `rounds` times each, in turn; `before` is not timed."""
    seconds = [[] for _ in contestants]
    for _ in range(rounds):
        for times, contestant in zip(seconds, contestants):
            if before:
                before()
            start = time.perf_counter()
            contestant()
            times.append(time.perf_counter() - start)
    return seconds


def peak(argv, **options):
    """The largest resident size, in bytes, of one process among those that `argv` was."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        run(argv, **options)
        size = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        os.write(writer, str(size).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        size = answer.read()
    _, status = os.waitpid(child, 0)
    if status or not size:
        raise SystemExit("%s failed" % (argv,))
    return int(size)


def shown(times):
    """Median and spread of seconds."""
    unit, factor, digits = ("s", 1, 2) if statistics.median(times) >= 1 else ("ms", 1000, 1)
    numbers = [factor * f(times) for f in (statistics.median, min, max)]
    middle, low, high = ("%.*f" % (digits, number) for number in numbers)
    return "%s %s (%s-%s)" % (middle, unit, low, high)


class Table:
    """Rows as they come, so that a bench which is cut off has shown what it had."""

    def __init__(self, title):
        self.missed = 0
        print("\n### %s\n" % title)
        print("| work | ours | theirs | ratio | must | |")
        print("|---|---|---|---|---|---|", flush=True)

    def compare(self, work, ours, theirs, at_most=None, at_least=None, rounds=5, before=None):
        """A row: ours/theirs against `at_most`, or theirs/ours ("times as fast") against `at_least`."""
        mine, other = alternate([ours, theirs], rounds, before)
        self.against(work, mine, other, at_most, at_least)
        return mine, other

    def against(self, work, mine, other, at_most=None, at_least=None):
        """The row of `compare` for seconds that are known already."""
        ratio = statistics.median(mine) / statistics.median(other)
        if at_least is not None:
            ratio = 1 / ratio
        self.row(work, shown(mine), shown(other), ratio, at_most, at_least)

    def note(self, work, value, at_most=None, at_least=None, unit=""):
        """A row with one number and no contestant."""
        self.row(work, "%g %s" % (value, unit), "", value, at_most, at_least)

    def row(self, work, mine, other, value, at_most=None, at_least=None):
        bound, met = "", True
        if at_most is not None:
            bound, met = "at most %g" % at_most, value <= at_most
        elif at_least is not None:
            bound, met = "at least %g" % at_least, value >= at_least
        verdict = ("ok" if met else "MISSED") if bound else ""
        self.missed += not met
        print("| %s | %s | %s | %.3g | %s | %s |" % (work, mine.strip(), other, value, bound, verdict), flush=True)
