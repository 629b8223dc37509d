"""
Other people's products on the same records, each in its own virtual environment under `.cache/bench`.

`install.py` makes the environments; the other files are scripts that run inside them and import nothing of
ours. A peer's script prints one JSON object: `seconds`, from its start of work to its last commit.
"""
