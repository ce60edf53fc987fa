"""What is wrong with a Dockerfile."""


class DockerfileError(ValueError):
    """Raised for a Dockerfile that Docker would refuse; `reason` is Docker's, `str()` its whole message.

    `line` (1 is the first) is that of an instruction that makes no sense, 0 for a text that is not even one.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"dockerfile parse error line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line
