"""A module of the tests."""


def main():
    import sys

    print("sample of", sys.version_info[:2])
