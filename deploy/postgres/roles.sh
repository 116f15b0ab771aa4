#!/bin/sh
# Makes the roles with which the API and the workers log in, or gives them the passwords that they are to have now.
# What they may do, the migrations grant (migrations/grants.py).
#
# The image runs this when it prepares fresh data. With data that is there already, or after a change of passwords:
#   docker compose -f deploy/compose.yaml exec postgres sh /docker-entrypoint-initdb.d/roles.sh
set -eu

POSTGRES_API_PASSWORD=${POSTGRES_API_PASSWORD:-$(cat /run/secrets/postgres_api_password)}
POSTGRES_WORKER_PASSWORD=${POSTGRES_WORKER_PASSWORD:-$(cat /run/secrets/postgres_worker_password)}
export POSTGRES_API_PASSWORD POSTGRES_WORKER_PASSWORD

# \getenv instead of arguments, which can be read by whoever lists this machine's processes. SCRAM on our side of the
# connection is psql's \password alone, so these passwords go to the server as they are: over its own socket.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'END'
\getenv database POSTGRES_DB
\getenv api_password POSTGRES_API_PASSWORD
\getenv worker_password POSTGRES_WORKER_PASSWORD
SET log_statement = 'none';
SELECT format('CREATE ROLE %I', role) FROM unnest(ARRAY['renderfleet_api', 'renderfleet_worker']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE renderfleet_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'api_password';
ALTER ROLE renderfleet_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'worker_password';
-- Those that each server has as well, or who may make nothing here could fill the disk with temporary tables there.
REVOKE ALL ON DATABASE :"database", postgres, template1 FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO renderfleet_api, renderfleet_worker;
END
