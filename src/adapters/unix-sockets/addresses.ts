const AF_UNIX = 1;
const AF_INET = 2;
/** `sockaddr_un`: a family, and a path of at most 108 bytes with its final zero; the same everywhere. */
const UNIX_ADDRESS_BYTES = 110;
const FAMILY_BYTES = 2;
/** `sockaddr_in`: a family, a port, an IPv4 address, and eight zeros. */
export const INET_ADDRESS_BYTES = 16;
const LOOPBACK = [127, 0, 0, 1];
const LOOPBACK_OFFSET = 4;

/** The address of the Unix socket at a path. Throws where the path is too long for one. */
export function unixAddress(path: string): Uint8Array {
  const text = Buffer.from(path, "utf8");
  if (text.length >= UNIX_ADDRESS_BYTES - FAMILY_BYTES)
    throw new Error(`${path} is too long for a socket's path`);
  const address = Buffer.alloc(UNIX_ADDRESS_BYTES);
  address.writeUInt16LE(AF_UNIX, 0);
  text.copy(address, FAMILY_BYTES);
  return address;
}

/** The address of a free port that this machine alone reaches. */
export function loopbackAddress(): Uint8Array {
  const address = Buffer.alloc(INET_ADDRESS_BYTES);
  address.writeUInt16LE(AF_INET, 0);
  address.set(LOOPBACK, LOOPBACK_OFFSET);
  return address;
}
