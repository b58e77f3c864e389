"""The model that reads whole fields, `lenet5-field`: network → train → evaluate, and what only fields need.

The stages of the digit model (`pipeline.quantize`, `export`, `verify`, `benchmark`, `release`) take it from here.
"""
