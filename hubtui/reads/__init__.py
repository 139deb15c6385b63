"""What others wrote on this server, read as text and never executed.

reading      as root only what root alone can write, and what mends it
hubprocess   the hub that runs; hubconfig: its configuration
oldscripts   what ran the course before; shelltext, cronlines, crontab: scripts and crontabs
apacheconf nginxconf   web servers' configurations; sites: what of them leads here
addresses    hub, proxy, and what students open
"""
