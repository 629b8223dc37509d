"""How Alembic runs here: on the connection and in the transaction that `tidegate.control.migrate` gives."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
