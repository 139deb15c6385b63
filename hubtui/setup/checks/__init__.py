"""What doctor looks at, by topic: each yields findings, or raises NotSeen where it cannot look.

subject      what they look at, looked up once
check_*      hub, settings, accounts, release, watchdog, notify, machine; old scripts, room for a
             class, Apache, nginx, hubtui's own jobs
"""
