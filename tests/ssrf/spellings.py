"""Ways to write loopback, and addresses next door, that a careless check lets through."""

from __future__ import annotations

#: Hosts as they may stand in an address or in a field of their own.
HOSTS = (
    # decimal, octal, hexadecimal, with parts left out
    "127.0.0.1", "127.1", "127.0.1", "127.0.0.2", "127.255.255.254", "127.00.00.01",
    "127.000.000.001", "2130706433", "0x7f000001", "0X7F000001", "0x7f.1", "0x7F.0x0.0x0.0x1",
    "017700000001", "00000017700000001", "0177.0.0.1", "0177.0x0.1", "0177.1", "127.0x1",
    # the address of "here"
    "0", "00", "0x0", "0.0", "0.0.0.0", "00.00.00.00", "0.0.0.1",
    # version 6, and version 4 inside of it
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::]",
    "[::ffff:127.0.0.1]", "[::FFFF:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::1%lo]", "[::1%25lo]", "[fe80::1%lo]",
    "[fe80::1]", "[fc00::1]", "[fec0::1]",
    # names
    "localhost", "LOCALHOST", "LocalHost", "localhost.", "ip6-localhost", "ip6-loopback",
    "127.0.0.1.", "127.1.", "0x7f.1.",
    # letters that become others
    "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①",
    "\uff11\uff12\uff17.0.0.1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "loc\u00adalhost",
    # somebody else's name in front or behind
    "user@127.0.0.1", "example.com@127.0.0.1", "example.com:80@127.0.0.1",
    "127.0.0.1%00.example.com", "127.0.0.1\\@example.com", "127.0.0.1\x00.example.com",
    "127.0.0.1\r\nHost: example.com", "127.0.0.1\t", " 127.0.0.1", "127.0.0.1,127.0.0.1", "",
)  # fmt: skip


def urls(port: int, scheme: str = "http") -> list[str]:
    """A whole address for each, and some that only play with the rest of it."""
    made = [f"{scheme}://{host}:{port}/" for host in HOSTS]
    return [
        *made,
        f"//127.0.0.1:{port}/",
        f"{scheme}:/127.0.0.1:{port}/",
        f"{scheme}:127.0.0.1:{port}/",
        f"{scheme}:///127.0.0.1:{port}/",
        f"{scheme}:\\\\127.0.0.1:{port}/",
        f"gopher://127.0.0.1:{port}/_x",
        f"dict://127.0.0.1:{port}/x",
        f"ftp://127.0.0.1:{port}/x",
        f"file://127.0.0.1:{port}/etc/hostname",
        f"ldap://127.0.0.1:{port}/",
        f"HTTP://127.0.0.1:{port}/",
        f"{scheme}://127.0.0.1:0{port}/",
        f"{scheme}://127.0.0.1:{port + 65536}/",
        f"{scheme}://127.0.0.1:/",
    ]
