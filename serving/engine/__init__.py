"""Serves loaded models: data plane, batching, hot reload and the state that workers share."""
