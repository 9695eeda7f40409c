"""A program in place of tensorflow_model_server, which follows its files as that was seen to do.

It is no server: it answers the REST status of its models and nothing else. As a real 2.21 it reads
`models.config` again and again, here at each question; refuses the whole file while a label in it
moves to a version that is not loaded; waits for a model's folder that is missing, and takes no
other change; and keeps its log as quiet as TF_CPP_MIN_LOG_LEVEL asks. `STAND_IN_KIND` makes it
die, or fail to load.
"""

import http.server
import json
import os
import re
import sys

KIND = os.environ.get("STAND_IN_KIND", "good")
FLAGS = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
QUESTIONS_TO_LOAD = 3
INFO, WARNING, ERROR = range(3)


def log(severity, text):
    """Writes a line, unless the environment wants none of that severity."""
    if severity >= int(os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0")):
        print(f"{'IWE'[severity]} stand-in: {text}", flush=True)


class Models:
    """What is served: the accepted file, and the versions that it made the server load."""

    def __init__(self):
        self.text = None
        self.labels = {}
        self.questions = {}  # (name, version) to how often its state was asked for.

    def read(self):
        """Takes up the file if it has changed and may be."""
        with open(FLAGS["model_config_file"], encoding="utf-8") as file:
            text = file.read()
        if text == self.text:
            return
        configs = [config_of(part) for part in text.split("config {")[1:]]
        labels = {(name, label): v for name, _, _, own in configs for label, v in own.items()}
        for name, base_path, _, _ in configs:
            if not os.path.isdir(base_path):
                log(WARNING, f"Could not find base path {base_path} for servable {name}")
                return
        for (name, label), version in labels.items():
            if self.labels.get((name, label), version) != version and not self.is_loaded(
                name, version
            ):
                log(ERROR, f"Request to assign label to version {version} of model {name}")
                return
        versions = [(name, version) for name, _, own, _ in configs for version in own]
        self.questions = {key: self.questions.get(key, 0) for key in versions}
        self.text, self.labels = text, labels

    def is_loaded(self, name, version):
        return (
            KIND not in ("loads", "end")
            and self.questions.get((name, version), 0) >= QUESTIONS_TO_LOAD
        )

    def states(self, name):
        """The state of each version of a model, as REST gives it."""
        found = []
        for key in [key for key in self.questions if key[0] == name]:
            self.questions[key] += 1
            state = "AVAILABLE" if self.is_loaded(*key) else "LOADING"
            if state == "AVAILABLE" and self.questions[key] == QUESTIONS_TO_LOAD:
                log(INFO, f"Successfully loaded servable version {key}")
            if KIND == "end":
                state = "END"
                log(ERROR, "Loading servable failed")
            error = "warm-up failed" if KIND == "end" else ""
            status = {"error_code": "OK", "error_message": error}
            found.append({"version": str(key[1]), "state": state, "status": status})
        return found


def config_of(text):
    """Name, folder, versions and labels of one model."""
    base_path = json.loads(re.search(r"base_path: (.*)", text)[1])
    versions = [int(version) for version in re.findall(r"[{ ]versions: (\d+)", text)]
    if not versions and os.path.isdir(base_path):
        versions = [max(int(name) for name in os.listdir(base_path) if name.isdecimal())]
    labels = re.findall(r'key: "(.*?)" value: (\d+)', text)
    name = re.search(r'name: "(.*)"', text)[1]
    return name, base_path, versions, {label: int(version) for label, version in labels}


class Handler(http.server.BaseHTTPRequestHandler):
    models = Models()

    def do_GET(self):
        self.models.read()
        states = self.models.states(self.path.rsplit("/", 1)[1])
        self.send_response(200 if states else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"model_version_status": states}).encode())

    def log_message(self, *arguments):
        pass


def main():
    with open(os.environ["STAND_IN_RECORD"], "w") as file:
        json.dump({"arguments": sys.argv[1:], "pid": os.getpid()}, file)
    log(INFO, "started")
    if KIND == "dies":
        log(ERROR, "Failed to start server. Error: bad model")
        sys.exit(3)
    http.server.HTTPServer(("", int(FLAGS["rest_api_port"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
