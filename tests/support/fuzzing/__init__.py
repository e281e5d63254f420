"""Bytes from outside against every parser: what each must keep for any input, a kept corpus, and the search for an input that breaks it.

`parser` owns the form of an entry and the bounds of time, `of_*` the parsers of one kind of bytes, `every` the list of all,
`corpus` the files of tests/data/corpus, `mutate` the seeded changes, `__main__` the search (`python -m support.fuzzing`).
"""
