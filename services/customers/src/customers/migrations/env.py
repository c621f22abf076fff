from shared.database import alembic_env

from customers.app import SERVICE

alembic_env.run(SERVICE.metadata)
