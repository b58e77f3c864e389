"""Runs a model: ONNX Runtime on servers, LiteRT on small boards."""
