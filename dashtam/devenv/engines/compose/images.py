"""The images: postgres and redis are pulled where they are missing, ours is built where its inputs changed."""

from collections.abc import Mapping

from dashtam.devenv.components import Mode
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.command import IMAGE_INPUTS, compose, digest, image_name
from dashtam.devenv.errors import EnvironmentFailed
from dashtam.devenv.project.configuration import Configuration

INPUTS_LABEL = "dashtam.inputs"
STORE_IMAGES = ("postgres:18", "redis:8")


def build_inputs(configuration: Configuration) -> str:
    """A short name for everything that our image is made of.

    Raises:
        EnvironmentFailed: a file of the checkout is missing.
    """
    try:
        return digest((configuration.checkout / name).read_bytes() for name in IMAGE_INPUTS)
    except OSError as error:
        raise EnvironmentFailed(
            f"{error.filename} cannot be read ({error.strerror}); the image is made of it",
            advice=f"git -C {configuration.checkout} status",
        ) from error


def ensure_images(client: Client, configuration: Configuration, values: Mapping[str, str]) -> None:
    """Pull and build what is missing or out of date, with the progress on this terminal.

    Raises:
        EnvironmentFailed: names the image; what Docker said stands above.
    """
    for image in STORE_IMAGES:
        if _label(client, image) is None:
            _show(client, ["docker", "pull", image], f"{image} could not be pulled")
    if _label(client, image_name(configuration)) != values["IMAGE_INPUTS"]:
        _show(
            client,
            compose(configuration, Mode.DEVELOPMENT, "build", "app"),
            f"{image_name(configuration)} could not be built",
            values,
        )


def remove_image(client: Client, configuration: Configuration) -> None:
    """Remove our image; its layers stay while others share them."""
    if _label(client, image_name(configuration)) is not None:
        client.tell(["docker", "image", "rm", image_name(configuration)])


def _label(client: Client, image: str) -> str | None:
    """The inputs that an image says it was built from, empty where it says nothing; None where there is no image."""
    template = f'{{{{index .Config.Labels "{INPUTS_LABEL}"}}}}'
    answer = client.ask(["docker", "image", "inspect", "--format", template, image])
    return answer.output.strip() if answer.code == 0 else None


def _show(client: Client, command: list[str], failure: str, values: Mapping[str, str] | None = None) -> None:
    if (code := client.show(command, more=values)) != 0:
        client.require_engine()
        raise EnvironmentFailed(
            f"{failure} (Docker ended with {code}; its own words stand above)",
            advice="check the network and the disk (docker system df), then run the same again",
        )
