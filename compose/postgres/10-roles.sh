#!/bin/bash
# Runs once, when the data directory is new: the roles with their passwords and the database. The schema and the rights
# in it are `entra-backup migrate`'s, which keeps roles that are there.
# psql reads each password from its file: no password is on a command line, and the log records no statement.
set -euo pipefail
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<'SQL'
\set owner `cat /run/secrets/database-owner`
\set operator `cat /run/secrets/database-operator`
\set scheduler `cat /run/secrets/database-scheduler`
\set fetcher `cat /run/secrets/database-fetcher`
\set differ `cat /run/secrets/database-differ`
\set persister `cat /run/secrets/database-persister`
SET password_encryption = 'scram-sha-256';
-- No program runs as the owner but `migrate`. It may make roles, and is no superuser.
CREATE ROLE entra_backup_owner LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD :'owner';
CREATE ROLE entra_backup_operator LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'operator';
CREATE ROLE entra_backup_scheduler LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'scheduler';
CREATE ROLE entra_backup_fetcher LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'fetcher';
CREATE ROLE entra_backup_differ LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'differ';
CREATE ROLE entra_backup_persister LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'persister';
CREATE DATABASE entra_backup OWNER entra_backup_owner;
REVOKE ALL ON DATABASE entra_backup FROM PUBLIC;
GRANT CONNECT ON DATABASE entra_backup TO entra_backup_operator, entra_backup_scheduler, entra_backup_fetcher,
    entra_backup_differ, entra_backup_persister;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
SQL
