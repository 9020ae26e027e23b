"""What runs inside the limited child: one module per parser, started as a program of its own.

Nothing here imports the rest of the application: the child starts in milliseconds, knows no settings and holds
no connection. It talks to its parent in the frames of `wire`.
"""
