"""What runs inside a container's Python processes, before and beneath the learner's program.

`launch.py` is started by the lab's Python in place of the interpreter itself; it imports nothing of swarmlab's but its
neighbours here, and only the standard library beside them.
"""
