"""The load tester: what is sent (`service`), how (`generator`), and the command (`command`)."""
