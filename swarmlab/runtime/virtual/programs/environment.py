"""`env` and `printenv` without arguments, where no shell has added variables of its own."""

from swarmlab.runtime.virtual.context import Context


async def environment(context: Context) -> int:
    """Print the variables in the order in which the container has them."""
    await context.out("".join(f"{name}={value}\n" for name, value in context.env.items()))
    return 0
