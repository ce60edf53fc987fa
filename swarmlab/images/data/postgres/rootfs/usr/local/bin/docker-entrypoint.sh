#!/bin/sh
exec postgres-entrypoint "$@"
