"""Comparing values instead of their spellings: `nginx` is `nginx:latest`, 60s is 1m, 0.1 CPU is 100m.

Every function takes what a journal holds or what an exercise says, and returns one form that can be compared with `==`.
They raise ValueError for what means nothing.
"""

import re
from collections import Counter
from datetime import datetime
from functools import lru_cache

#: Nanoseconds of each unit that Go's durations know.
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
#: One-letter options written as one word, and what follows them in it.
_CLUSTER = re.compile(r"-([A-Za-z]+)(\W?)")
_SAME_WORDS = {"-b": "--bind", "python3": "python", "--quiet": "-q", "--output-document": "-O"}
_SIZE = re.compile(r"(\d+(?:\.\d*)?)\s*([kmgt]?)(i?b)?", re.IGNORECASE)
#: A tag that stands for every other.
ANY_TAG = "*"


@lru_cache(maxsize=4096)
def image(reference: str) -> tuple[str, str]:
    """Name and tag of an image, without the registry that Docker fills in and without a digest."""
    bare = reference.partition("@")[0]
    name, colon, tag = bare.rpartition(":")
    # A colon before a slash belongs to a registry's port.
    if not colon or "/" in tag:
        name, tag = bare, "latest"
    for prefix in ("docker.io/", "index.docker.io/", "library/"):
        name = name.removeprefix(prefix)
    return name, tag


@lru_cache(maxsize=4096)
def same_image(found: str, wanted: str) -> bool:
    """Whether two references mean one image; the tag `*` fits every tag."""
    (name, tag), (wanted_name, wanted_tag) = image(found), image(wanted)
    return name == wanted_name and wanted_tag in {tag, ANY_TAG}


def duration(text: str | int) -> int:
    """Nanoseconds of `1m30s`. Only 0 may come without a unit. Raises ValueError."""
    bare = str(text).strip()
    if bare == "0":
        return 0
    parts = _PART.findall(bare)
    if not parts or "".join(number + unit for number, unit in parts) != bare:
        raise ValueError(f"{text!r} is no duration such as 10s or 1m30s")
    return sum(round(float(number) * _UNITS[unit]) for number, unit in parts)


def duration_text(nanoseconds: int) -> str:
    """`1m30s` for so many nanoseconds."""
    if nanoseconds < 10**9:
        return f"{nanoseconds / 10**6:g}ms" if nanoseconds else "0s"
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest / 10**9, "s"))
    return "".join(f"{number:g}{unit}" for number, unit in parts if number)


def cpus(text: str | float) -> int:
    """Billionths of a CPU: of 0.1, of `0.1` and of `100m`."""
    bare = str(text).strip()
    return round(float(bare[:-1]) * 10**6) if bare.endswith("m") else round(float(bare) * 10**9)


def cpus_text(nano: int) -> str:
    """`0.1` for 100,000,000."""
    return f"{nano / 10**9:g}"


def size(text: str | int) -> int:
    """Bytes of `64M`, `64MB`, `64MiB` or 67108864; units are powers of 1024, as the docker command has them.

    Raises ValueError.
    """
    match = _SIZE.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is no size such as 64M")
    power = " kmgt".index(match[2].lower() or " ")
    return round(float(match[1]) * float(1024**power))


def size_text(count: int) -> str:
    """`64M` for so many bytes, if it comes out even."""
    for power, unit in ((4, "T"), (3, "G"), (2, "M"), (1, "K")):
        if count and count % 1024**power == 0:
            return f"{count // 1024**power}{unit}"
    return str(count)


def says(command: str, wanted: str) -> bool:
    """Whether a command has all the words of another one: other words may come, and in another order.

    `wget -qO- http://localhost/ || exit 1` says `wget -q -O - http://localhost`, and `sh -c "setup && serve --port=80"`
    says `serve --port 80`.
    """
    return not _words(wanted) - _words(command)


@lru_cache(maxsize=1024)
def _words(command: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for word in re.split(r"[\s=;\"']+|&&|\|\|", command):
        bare = _SAME_WORDS.get(word, word)
        if cluster := _CLUSTER.fullmatch(bare):
            found.update(f"-{letter}" for letter in cluster[1])
            bare = cluster[2]
        # What gunicorn calls when it is not told.
        bare = bare.removesuffix(":application")
        found[re.sub(r"(:80)?/?$", "", bare) if "://" in bare else bare] += 1
    del found[""]
    return found


def mode(text: str | int) -> int:
    """The permissions `0440` or `440`; a number is read as its octal digits, as people write them."""
    return int(str(text).removeprefix("0o"), 8)


def constraint(text: str) -> str:
    """`node.role==worker` whatever blanks it is written with."""
    return re.sub(r"\s*(==|!=)\s*", r"\1", text.strip())


def moment(at: int) -> str:
    """The time of day, in this machine's zone, of Unix nanoseconds."""
    return datetime.fromtimestamp(at / 10**9).astimezone().strftime("%H:%M:%S")
