"""The layout of a journal file.

`meta` has facts about the lab; its `id` tells this journal from those that were put aside by resets. `ports from` is
the transaction from which on it tells which published ports answered (objects of kind `port`, in the scope of the
engine where that was); without it nobody knows.

`commits` holds one row a transaction. `changes` is a JSON list of `[operation, kind, id, fields]`: operation `c`
(created, `fields` is the whole object), `u` (updated, `fields` are the top-level fields that changed, complete, null
for "back to the default"), `d` (deleted, no fields). Names are those of the Engine API; instants are Unix nanoseconds;
task states are SwarmKit's numbers. The objects at any instant are a fold of these rows, per `scope` (a swarm's id, or
`engine:NAME`).

`link` chains the rows (`journal.chain`).

`snapshots` only shortens that fold. `requests` holds the calls that clients made; a call that a client repeats while
nothing changes is one row with a count.
"""

FORMAT = 1
#: The name of that fact.
PORTS_FROM = "ports from"

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT OR IGNORE INTO meta VALUES ('id', lower(hex(randomblob(16))));
CREATE TABLE IF NOT EXISTS commits (
    seq INTEGER PRIMARY KEY, scope TEXT NOT NULL, idx INTEGER NOT NULL, at INTEGER NOT NULL,
    actor TEXT NOT NULL, changes TEXT NOT NULL, link TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS commits_scope ON commits (scope, seq);
CREATE TABLE IF NOT EXISTS snapshots (
    scope TEXT PRIMARY KEY, seq INTEGER NOT NULL, idx INTEGER NOT NULL, objects TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, after INTEGER NOT NULL, at INTEGER NOT NULL, last_at INTEGER NOT NULL,
    times INTEGER NOT NULL, engine TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL,
    status INTEGER NOT NULL, client TEXT NOT NULL
);
"""
