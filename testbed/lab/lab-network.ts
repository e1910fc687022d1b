/**
 * The addresses of one lab. Concurrent labs have different slots, since all of them are reached from the
 * machine's own network namespace.
 */
export interface LabNetwork {
  /** The machine's end of the link into the lab. */
  readonly hostLink: string;
  readonly hostAddress: string;
  /** The address of API server and emulator. */
  readonly gateway: string;
  /** Prefix length of gateway, host and node addresses. */
  readonly prefixLength: number;
  /** The lab's machines: gateway, host and nodes. */
  readonly machines: string;
  /** The pods of all nodes. */
  readonly pods: string;
  /** Service addresses lead nowhere, except for `kubernetes`, by which pods find the API server. */
  readonly services: string;
  readonly apiService: string;
  nodeAddress(index: number): string;
  podsOfNode(index: number): string;
  podGateway(index: number): string;
}

/** Above it, a lab's machines would share their addresses with services. */
export const SLOTS_MAX = 8;
const FIRST_MACHINES = 88;
const FIRST_PODS = 244;
const FIRST_NODE = 11;

/** The addresses that belong to a slot. */
export function labNetwork(slot: number): LabNetwork {
  const machines = `10.${FIRST_MACHINES + slot}`;
  const pods = `10.${FIRST_PODS + slot}`;
  return {
    hostLink: `azdlab${slot}`,
    hostAddress: `${machines}.255.254`,
    gateway: `${machines}.0.1`,
    prefixLength: 16,
    machines: `${machines}.0.0/16`,
    pods: `${pods}.0.0/16`,
    services: "10.96.0.0/16",
    apiService: "10.96.0.1",
    nodeAddress: (index) => `${machines}.0.${FIRST_NODE + index}`,
    podsOfNode: (index) => `${pods}.${index + 1}.0/24`,
    podGateway: (index) => `${pods}.${index + 1}.1`,
  };
}

/**
 * The hardware address of an address in a lab: each machine keeps its own, as VMs do. A bridge would take
 * that of a port, which changes whenever a node joins or leaves. Neighbours that know the old address would
 * then reach no machine for most of a minute.
 */
export function hardwareAddress(address: string): string {
  // The first octet marks a locally administered address that is not a group's.
  return ["02", "00", ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(
    ":",
  );
}

/**
 * Whether a route of this machine (`ip -j route show table all`) already covers a part of the lab's ranges.
 * A wider route is no conflict: it still serves the rest of its range.
 */
export function isTaken(network: LabNetwork, routes: readonly { readonly dst: string }[]): boolean {
  const wanted = [network.machines, network.pods].map(parseRange);
  return routes
    .filter(({ dst }) => /^[\d./]+$/u.test(dst))
    .some(({ dst }) => wanted.some((range) => includes(range, parseRange(dst))));
}

interface Range {
  readonly first: number;
  readonly last: number;
}

function parseRange(cidr: string): Range {
  const [address = "", length = "32"] = cidr.split("/");
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}

function includes(range: Range, part: Range): boolean {
  return range.first <= part.first && part.last <= range.last;
}
