"""A module of the tests."""


def main():
    import _sample

    print("sample of", _sample.implementation())
