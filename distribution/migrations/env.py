"""What Alembic runs: in the transaction that ``distribution.database.schema`` has begun."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
