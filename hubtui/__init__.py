"""hubtui: the console of a JupyterHub course."""

__version__ = "0.1.0"
