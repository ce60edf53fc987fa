#!/bin/sh
exec registry "$@"
