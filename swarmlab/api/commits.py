"""`POST /commit`: an image of a container (MB: daemon/server/router/container)."""

from http import HTTPStatus

from swarmlab.api.call import Answer, Call, Route, document
from swarmlab.api.query import truthy
from swarmlab.engine import CommitRequest, commit, requested
from swarmlab.objects.run import ContainerRequest


def make(call: Call) -> Answer:
    """`POST /commit`."""
    request = CommitRequest(
        container=call.param("container"),
        repository=call.param("repo"),
        tag=call.param("tag"),
        author=call.param("author"),
        comment=call.param("comment"),
        pause=truthy(call.query.get("pause", "") or "1"),
        changes=call.query.getall("changes", []),
        config=requested(call.decode(ContainerRequest)) if call.body.strip() not in {b"", b"null"} else None,
    )
    image = commit(call.engine.images, call.engine.containers, request)
    return document({"Id": image.id}, HTTPStatus.CREATED)


ROUTES = (Route("POST", "/commit", make),)
