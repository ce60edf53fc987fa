"""What the engines say they are."""

VERSION = "28.2.2"
API_VERSION = "1.50"
#: 1.44, Docker's own minimum since version 29, would lock older docker commands out.
MIN_API_VERSION = "1.24"
