"""LitServe: `python litserve_app.py PORT`."""

from __future__ import annotations

import sys

import litserve
from network import load


class Lenet5(litserve.LitAPI):
    def setup(self, device):
        self.classify = load()

    def decode_request(self, request):
        return request["data"]

    def predict(self, x):
        return self.classify(x)

    def encode_response(self, output):
        return {"probabilities": output}


if __name__ == "__main__":
    server = litserve.LitServer(Lenet5(), accelerator="cpu", devices=1, workers_per_device=1)
    server.run(
        "127.0.0.1",
        int(sys.argv[1]),
        log_level="warning",
        generate_client_file=False,
        access_log=False,
        loop="uvloop",
        http="httptools",
    )
