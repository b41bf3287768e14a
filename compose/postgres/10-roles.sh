#!/bin/bash
# The roles with their passwords, and the database. Runs by itself when the data directory is new; run it again after a
# secret was made or changed: it makes what is missing and sets every password. The schema and the rights in it are
# `entra-backup migrate`'s, which keeps roles that are there.
# psql reads each password from its file: no password is on a command line, and the log records no statement.
set -euo pipefail
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<'SQL'
\set owner `cat /run/secrets/database-owner`
\set operator `cat /run/secrets/database-operator`
\set scheduler `cat /run/secrets/database-scheduler`
\set fetcher `cat /run/secrets/database-fetcher`
\set differ `cat /run/secrets/database-differ`
\set persister `cat /run/secrets/database-persister`
\set downloader `cat /run/secrets/database-downloader`
\set restorer `cat /run/secrets/database-restorer`
SET password_encryption = 'scram-sha-256';
SELECT format('CREATE ROLE %I', 'entra_backup_' || r)
    FROM unnest(ARRAY['owner', 'operator', 'scheduler', 'fetcher', 'differ', 'persister', 'downloader', 'restorer']) r
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'entra_backup_' || r)
\gexec
-- No program runs as the owner but `migrate`. It may make roles, and is no superuser.
ALTER ROLE entra_backup_owner LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD :'owner';
ALTER ROLE entra_backup_operator LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'operator';
ALTER ROLE entra_backup_scheduler LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'scheduler';
ALTER ROLE entra_backup_fetcher LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'fetcher';
ALTER ROLE entra_backup_differ LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'differ';
ALTER ROLE entra_backup_persister LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'persister';
ALTER ROLE entra_backup_downloader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'downloader';
ALTER ROLE entra_backup_restorer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'restorer';
SELECT 'CREATE DATABASE entra_backup OWNER entra_backup_owner'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'entra_backup')
\gexec
REVOKE ALL ON DATABASE entra_backup FROM PUBLIC;
GRANT CONNECT ON DATABASE entra_backup TO entra_backup_operator, entra_backup_scheduler, entra_backup_fetcher,
    entra_backup_differ, entra_backup_persister, entra_backup_downloader, entra_backup_restorer;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
SQL
