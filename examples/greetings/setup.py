"""A package that has one of everything an image can hold; for Python 2.7 to 3.14 and PyPy."""

from setuptools import Extension, setup

setup(
    name="greetings",
    version="1.0",
    description="The sample package of py-multibuild",
    license="MIT OR Apache-2.0",
    package_dir={"": "src"},
    packages=["greetings"],
    ext_modules=[Extension("greetings._count", ["src/greetings/_count.c"])],
    entry_points={"console_scripts": ["greet = greetings.cli:main"]},
    scripts=["bin/greet-all"],
    data_files=[("share/greetings", ["data/greetings.txt"])],
)
