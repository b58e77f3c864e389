"""The networks, what each stage needs to know of them, and a NumPy reference of the 8-bit one."""
