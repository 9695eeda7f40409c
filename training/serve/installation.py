"""What to install to run TensorFlow Serving."""

from training.serve.model_server import BINARY, VARIABLE
from zoo.serving.server_containers import image

__all__ = ["advice"]

_PACKAGE = "tensorflow-model-server"
_PACKAGES = "https://storage.googleapis.com/tensorflow-serving-apt"
_KEY = "/usr/share/keyrings/tensorflow-serving.asc"


def advice(machine):
    """Says what to install so that `vae-zoo serve` can start a server on a `Machine`."""
    docker = f"""\
Docker, and start it: https://docs.docker.com/engine/install/
    {image(machine)} is then fetched by itself."""
    if machine.has_gpu:
        return f"""\
To run a server on the GPU, install
  {docker} For the GPU, add the NVIDIA Container Toolkit."""
    return f"""\
To run a server, install one of
  {docker}
  {BINARY}, on Debian or Ubuntu, x86-64:
    curl -fsSL {_PACKAGES}/tensorflow-serving.release.pub.gpg | \\
      sudo tee {_KEY} > /dev/null
    echo "deb [arch=amd64 signed-by={_KEY}] {_PACKAGES} stable {_PACKAGE}" | \\
      sudo tee /etc/apt/sources.list.d/tensorflow-serving.list
    sudo apt-get update && sudo apt-get install {_PACKAGE}
  {BINARY} from elsewhere, and name it: export {VARIABLE}=PATH"""
