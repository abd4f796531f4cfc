-- Run once by the PostgreSQL image, as its superuser, when the data volume is new.
-- Two roles: the owner migrates; the program works as the other one, which has no DDL.

\set ON_ERROR_STOP on
\getenv owner_password SOUNDSCAPE_OWNER_PASSWORD
\getenv app_password SOUNDSCAPE_APP_PASSWORD

CREATE ROLE soundscape_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE soundscape_app LOGIN PASSWORD :'app_password';
GRANT soundscape_app TO soundscape_owner;

CREATE DATABASE soundscape OWNER soundscape_owner;
REVOKE ALL ON DATABASE soundscape FROM PUBLIC;
GRANT CONNECT ON DATABASE soundscape TO soundscape_app;

-- Only a superuser may install this one; the migrations find it in place.
\connect soundscape
CREATE EXTENSION vector;
