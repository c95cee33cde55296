# twisted.web with CGI: twistd3 --nodaemon --python conf/twisted.py
# It streams as it is. The environment gives SSE_TOP and PORT.

import os

from twisted.application import internet, service
from twisted.web import server, static, twcgi

top = os.environ["SSE_TOP"]
site = static.File(top + "/www")
site.putChild(b"cgi-bin", twcgi.CGIDirectory(top + "/cgi-bin"))
application = service.Application("sse-cgi")
internet.TCPServer(
    int(os.environ["PORT"]), server.Site(site), interface="127.0.0.1"
).setServiceParent(application)
