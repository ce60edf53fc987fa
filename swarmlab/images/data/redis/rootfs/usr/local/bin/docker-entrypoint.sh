#!/bin/sh
exec redis-entrypoint "$@"
