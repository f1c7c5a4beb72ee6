# Tells what py-foreach needs to know of the interpreter that runs it: Python 2.7 to 3.14 and PyPy.
# Run with -E -s -S -B -c. Answers pairs of key and value on standard output, each closed by a NUL.
import sys

sys.path[:] = [place for place in sys.path if place]  # the working directory has no say
import os

executable = os.path.abspath(sys.executable)
home = os.path.dirname(os.path.dirname(executable))
if any(os.path.isfile(os.path.join(place, "pyvenv.cfg")) for place in (home, os.path.dirname(executable))):
    sys.prefix = sys.exec_prefix = home  # what site would have done
import sysconfig

var = sysconfig.get_config_var
pypy = "__pypy__" in sys.builtin_module_names
name = "pypy" if pypy else getattr(getattr(sys, "implementation", None), "name", "cpython")


def existing(*parts):
    path = os.path.join(*parts) if all(parts) else ""
    return path if path and os.path.exists(path) else ""


version = "%d.%d" % sys.version_info[:2]
flags = getattr(sys, "abiflags", "")
answer = [
    ("implementation", name),
    ("version", "%d.%d.%d" % sys.version_info[:3]),
    ("free_threaded", "1" if "t" in flags else ""),
    ("include", sysconfig.get_path("platinclude") or ""),
    ("purelib", sysconfig.get_path("purelib") or ""),
    ("library", existing(var("LIBDIR"), var("LDLIBRARY"))),
    ("config", existing(var("BINDIR"), "python%s%s-config" % (version, flags))),
    ("pkgconfig", existing(var("LIBPC"))),
    ("ldshared", var("LDSHARED") or ""),
    ("ldcxxshared", var("LDCXXSHARED") or ""),
]
if "deb_system" in sysconfig.get_scheme_names() and sys.prefix == getattr(sys, "base_prefix", sys.prefix):
    answer.append(("debian_purelib", sysconfig.get_path("purelib", "deb_system")))

encode = getattr(os, "fsencode", lambda text: text)
data = b"".join(encode(text) + b"\0" for pair in answer + [("end", "")] for text in pair)
while data:
    data = data[os.write(1, data) :]
os._exit(0)
