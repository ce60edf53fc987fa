"""Random names for things that were given none (MB: internal/namesgenerator)."""

import random

_LEFT = (
    "admiring amazing awesome bold brave busy calm clever cool cranky dazzling eager ecstatic elegant eloquent epic fervent "
    "focused friendly funny gallant gifted goofy gracious happy hopeful hungry inspiring jolly keen kind laughing loving lucid "
    "magical modest musing mystifying nifty nostalgic objective optimistic peaceful pensive practical priceless quirky "
    "recursing relaxed reverent romantic serene sharp silly sleepy stoic strange sweet tender thirsty trusting upbeat vibrant "
    "vigilant vigorous wizardly wonderful xenodochial youthful zealous zen"
).split()
_RIGHT = (
    "agnesi albattani archimedes babbage bardeen bell bohr boole borg brattain carson cerf chandrasekhar chebyshev curie darwin "
    "dijkstra driscoll einstein elion euclid euler faraday fermat fermi feynman franklin galileo gates goldberg goodall hamilton "
    "hawking heisenberg hermann hoover hopper hypatia jackson jang jennings johnson kalam keller kepler knuth lamarr leakey "
    "liskov lovelace mayer mcclintock meitner mendel mirzakhani morse napier neumann newton nobel noether pasteur perlman "
    "poincare ptolemy raman ride ritchie sammet shannon snyder stallman tesla thompson torvalds turing varahamihira villani "
    "visvesvaraya volhard wescoff wilson wing wozniak wright yonath"
).split()


def random_name() -> str:
    """An adjective and the name of someone who mattered to science, such as `serene_hopper`."""
    return f"{random.choice(_LEFT)}_{random.choice(_RIGHT)}"  # noqa: S311  (a name, not a secret)
