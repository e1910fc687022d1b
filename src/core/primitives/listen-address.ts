export interface ListenAddress {
  /** Undefined: on every address of the machine, IPv6 and IPv4. */
  readonly host: string | undefined;
  /** 0: any free one. */
  readonly port: number;
}

const FORM = /^(?:\[([\da-f:.]+(?:%[\w.-]+)?)\]|([^:[\]\s]*)):(\d{1,5})$/iu;
const PORT_MAX = 65_535;

/** Reads `host:port`, `:port` or, for IPv6, `[address]:port`; undefined if `text` is something else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, ipv6, name, digits] = FORM.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > PORT_MAX) return undefined;
  const host = ipv6 ?? name ?? "";
  return { host: host === "" ? undefined : host, port };
}

/** Why `text` is no address to listen on; undefined if it is one. */
export function listenAddressProblem(text: string): string | undefined {
  return parseListenAddress(text) === undefined
    ? `expected host:port, :port or [IPv6 address]:port, with a port from 0 to ${PORT_MAX}`
    : undefined;
}

/** An address as `host:port`, with brackets around an IPv6 address. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
