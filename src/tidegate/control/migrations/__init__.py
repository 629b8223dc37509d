"""
The steps from each released schema to the next, run by Alembic through `tidegate.control.migrate`.

May import Alembic and SQLAlchemy, nothing of ours: a step must do in ten years what it does today.

1. Replaying all steps on an empty store ends in the schema of `tidegate.control.schema`; a test proves it.
2. A released step is never edited; a change is one more file, and `schema.REVISION` names the last.
"""
