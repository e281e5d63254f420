"""A soak: the whole product under twice the load that it sustains, for half an hour; what its processes hold, and whether every hit is accounted for.

`load` sends, `watch` reads what each process holds, `account` compares sent, answered and stored, `page` writes docs/soak.md and its
picture, `__main__` is the run (`python -m support.soaking`).
"""
