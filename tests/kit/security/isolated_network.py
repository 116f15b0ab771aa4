"""Runs Chromium in a network namespace of its own, and counts all packets that leave it.

Start it inside such a namespace: `unshare --user --map-root-user --net python -m
tests.kit.security.isolated_network ARGUMENT...`. The arguments are added to Chromium's command line. It
prints a JSON document: how many packets of each kind were sent, and the ICE candidates that the page got.
"""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from typing import Final

from tests.kit.security.chromium import Tab, chromium

# Every packet, whatever its protocol. Source: linux/if_ether.h, ETH_P_ALL.
_ALL: Final = 3
_IPV4: Final = b"\x08\x00"
_IGMP: Final = 2
_UDP: Final = 17
_MDNS_PORT: Final = 5353
# IPv6 is off, because the kernel itself sends multicast packets over IPv6.
_SET_UP: Final = """
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
ip link set lo up
ip link add inside type veth peer name outside
ip addr add 10.9.9.1/24 dev inside
ip link set inside up
ip link set outside up
ip route add default dev inside
"""
# The second connection is needed only so that the page's own candidates are gathered, too.
_PROBE: Final = """(async () => {
  const found = [];
  const one = new RTCPeerConnection(), other = new RTCPeerConnection();
  one.onicecandidate = event => event.candidate?.candidate && found.push(event.candidate.candidate);
  one.createDataChannel("x");
  await one.setLocalDescription();
  await other.setRemoteDescription(one.localDescription);
  await other.setLocalDescription();
  await one.setRemoteDescription(other.localDescription);
  const candidate = "candidate:1 1 udp 2122260223 printer.local 54321 typ host";
  await one.addIceCandidate({candidate, sdpMid: "0", sdpMLineIndex: 0});
  await new Promise(done => one.iceGatheringState === "complete" ? done() :
    one.onicegatheringstatechange = () => one.iceGatheringState === "complete" && done());
  await new Promise(done => setTimeout(done, 1500));
  return found;
})()"""


def kind(packet: bytes) -> str:
    """The kind of an Ethernet packet."""
    if packet[12:14] != _IPV4:
        return "other"
    protocol, start = packet[23], 14 + 4 * (packet[14] & 15)
    if protocol == _IGMP:
        return "igmp"
    if protocol == _UDP and int.from_bytes(packet[start + 2 : start + 4]) == _MDNS_PORT:
        return "mdns"
    return "ip"


def listen(heard: Counter[str]) -> None:
    """Count the packets that arrive at the other end of the network device; never returns."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)) as listener:
        listener.bind(("outside", 0))
        while True:
            heard[kind(listener.recv(65_536))] += 1


async def main(words: list[str]) -> None:
    """Set up the network, run the page, print the result."""
    subprocess.run(["sh", "-ec", _SET_UP], check=True)  # noqa: ASYNC221 - nothing else runs yet
    heard = Counter[str]()
    threading.Thread(target=listen, args=(heard,), daemon=True).start()
    # This process is root, for which there is no sandbox. The sandbox does not change the network traffic.
    async with chromium("--no-sandbox", *words, without=tuple(words and ("--disable-features",))) as browser:
        candidates = await (await Tab.open(browser)).evaluate(_PROBE)
    sys.stdout.write(json.dumps({"heard": heard, "candidates": candidates}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
