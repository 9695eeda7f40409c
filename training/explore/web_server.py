"""Serves the page, to this machine alone unless another address is given."""

import importlib.util
import os
import socket

from training.serve.model_server import check_ports
from zoo.errors import UserError

__all__ = ["PageServer", "check_can_serve"]

_POLICY = (  # What a browser may load: nothing from elsewhere, whatever the page asks for.
    b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:"
)
_MOST_UPLOADED = "20mb"


def check_can_serve(port):
    """Checks, before anything is loaded, that Gradio is installed and the port free.

    Raises:
        UserError: It is not.
    """
    if importlib.util.find_spec("gradio") is None:
        raise UserError(
            "The page needs the package gradio, which is not installed: "
            "`pip install 'vae-zoo[app]'`."
        )
    check_ports(port=port)


class PageServer:
    """Serves the page of models; from when it is made on, browsers may connect.

    By uvicorn itself: Gradio's own start first asks the page for an answer, which a proxy or a busy
    machine fails.

    Args:
        models: Models as the page asks them.
        host: The address of this machine to listen on.
        port: The port.

    Raises:
        UserError: The address cannot be listened on.
    """

    def __init__(self, models, host, port):
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Read when it is imported.
        import fastapi
        import gradio
        import uvicorn

        from training.explore.page import CSS, make_page, make_theme

        self._socket = _listen(host, port)
        app = gradio.mount_gradio_app(
            fastapi.FastAPI(),
            make_page(models),
            path="/",
            ssr_mode=False,
            enable_monitoring=False,
            footer_links=[],
            max_file_size=_MOST_UPLOADED,
            theme=make_theme(),
            css=CSS,
        )
        settings = {"log_level": "warning", "timeout_graceful_shutdown": 1}
        self._server = uvicorn.Server(uvicorn.Config(_FromHereAlone(app), **settings))

    def run(self):
        """Answers until `close`, or Ctrl-C, which it raises as KeyboardInterrupt."""
        self._server.run(sockets=[self._socket])

    def close(self):
        """Ends `run`, of another thread."""
        self._server.should_exit = True


def _listen(host, port):
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise UserError(
            f"Nothing can be served at {host}, port {port} ({error.strerror or error}). Give an "
            "address of this machine with --host, or another --port."
        ) from error


class _FromHereAlone:
    """Tells browsers to load nothing from other addresses; Gradio's page names a few."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY)
                message = message | {"headers": [*message["headers"], policy]}
            await send(message)

        await self._app(scope, receive, send_with_policy)
