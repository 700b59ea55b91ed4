"""The component without a port: it is healthy by what it says, and restarts alone."""

from tests.support.projects.project import ThrowawayProject


def refresher_of(project: ThrowawayProject) -> dict[str, object]:
    (found,) = [entry for entry in project.status()["components"] if entry["component"] == "refresher"]
    return dict(found)


def test_the_refresher_is_healthy_without_a_port_and_connected_to_development(
    development: ThrowawayProject,
) -> None:
    development.done("up")
    seen = refresher_of(development)
    assert (seen["health"], seen["port"], seen["address"]) == ("healthy", None, None)
    assert seen["connected_to"] == "dashtam as dashtam_user"
    assert '"started"' in development.done("logs", "--component", "refresher")


def test_a_restart_of_the_refresher_alone_leaves_the_others_as_they_are(
    development: ThrowawayProject,
) -> None:
    development.done("up")
    before = {entry["component"]: entry["process"] for entry in development.status()["components"]}
    development.done("restart", "--component", "refresher")
    after = {entry["component"]: entry["process"] for entry in development.status()["components"]}
    assert refresher_of(development)["health"] == "healthy"
    assert {name for name in before if before[name] != after[name]} <= {"refresher"}
