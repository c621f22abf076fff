-- One service: a role that may log in, and a schema of the same name that it owns and nobody else may enter.
-- Parameters, as settings of the session: regulars.service and regulars.password. Runs after database.sql, any number of times.
DO $$
DECLARE
    service text := current_setting('regulars.service');
    secret text := current_setting('regulars.password');
    may_become boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service) THEN
        EXECUTE format('CREATE ROLE %I', service);
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN NOCREATEDB NOCREATEROLE CONNECTION LIMIT 80 PASSWORD %L', service, secret);
    IF NOT may_become THEN
        -- On a managed server the administrator is no superuser and must be a member of a role to make a schema for it.
        EXECUTE format('GRANT %I TO CURRENT_USER WITH SET TRUE', service);
    END IF;

    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, service);
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', service);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), service);
    EXECUTE format('GRANT USAGE ON SCHEMA extensions TO %I', service);

    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I, extensions', service, current_database(), service);
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = ''30s''', service, current_database());
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = ''60s''', service, current_database());
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET timezone = ''UTC''', service, current_database());
END
$$;
