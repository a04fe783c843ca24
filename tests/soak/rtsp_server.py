"""RTSP server on loopback that plays a folder of JPEGs without end; for Debian's own Python, which knows GStreamer.

python3 rtsp_server.py PORT PATH FOLDER
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - only after their versions are chosen

port, path, folder = sys.argv[1:]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_shared(True)
factory.set_launch(
    f'( multifilesrc location={folder}/%d.jpg loop=true caps="image/jpeg,framerate=15/1" ! jpegdec ! videoconvert'
    " ! video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15"
    " ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
server.get_mount_points().add_factory(path, factory)
server.attach(None)
GLib.MainLoop().run()
