import { readlink } from "node:fs/promises";
import { hardwareAddress, type LabNetwork } from "../lab-network.ts";
import { run } from "./run.ts";
import type { Units } from "./units.ts";
import { waitUntil } from "./wait-until.ts";

/**
 * The process that holds the lab's network namespace: the namespace ends with it and leaves nothing behind.
 */
const NETWORK = "network";
const READY_MAX_MS = 240_000;

/** The network namespace of control plane and emulator, with the bridge to which nodes are connected. */
export interface NetworkUnit {
  /** Creates the namespace, the bridge, and the link to the machine. */
  start(nodes: number, signal: AbortSignal): Promise<void>;
  /** Whether the namespace exists. */
  isRunning(): Promise<boolean>;
  /** A command that runs in the namespace. */
  inside(command: readonly string[]): Promise<readonly string[]>;
  /** Connects a node's network namespace to the bridge, as `eth0` with its address. */
  plug(node: { readonly name: string; readonly index: number; readonly pid: number }): Promise<void>;
  /** Disconnects a node or connects it again: both ends see the line go down. */
  setPlugged(nodeName: string, plugged: boolean): Promise<void>;
  /** Removes the machine's end of the lab's link, and its routes with it. */
  removeHostLink(): Promise<void>;
}

/** The network of one lab. */
export function networkUnit(network: LabNetwork, units: Units): NetworkUnit {
  const namespaceOf = (pid: number): string => `--net=/proc/${pid}/ns/net`;
  // Not `ip netns exec`, which mounts a /sys of its own.
  const script = async (pid: number, lines: readonly string[]): Promise<void> => {
    await run(["nsenter", namespaceOf(pid), "sh", "-eu", "-c", lines.join("\n")]);
  };

  async function start(nodes: number, signal: AbortSignal): Promise<void> {
    await units.start({ name: NETWORK, command: ["unshare", "--net", "sleep", "infinity"] });
    const pid = await units.processId(NETWORK);
    const ours = await readlink("/proc/self/ns/net");
    await waitUntil(
      "the lab's network namespace",
      { timeoutMs: READY_MAX_MS, signal },
      async () => (await readlink(`/proc/${pid}/ns/net`)) !== ours || undefined,
    );
    await removeHostLink();
    await run([
      "ip",
      "link",
      "add",
      network.hostLink,
      "type",
      "veth",
      "peer",
      "name",
      "host",
      "netns",
      String(pid),
    ]);
    await script(pid, [
      "ip link set lo up",
      `ip link add br0 address ${hardwareAddress(network.gateway)} type bridge forward_delay 0 stp_state 0`,
      "ip link set host master br0 up",
      `ip addr add ${network.gateway}/${network.prefixLength} dev br0`,
      `ip addr add ${network.apiService}/32 dev br0`,
      "ip link set br0 up",
      "echo 1 > /proc/sys/net/ipv4/ip_forward",
      ...Array.from(
        { length: nodes },
        (_, index) => `ip route add ${network.podsOfNode(index)} via ${network.nodeAddress(index)}`,
      ),
    ]);
    await run([
      "ip",
      "addr",
      "add",
      `${network.hostAddress}/${network.prefixLength}`,
      "dev",
      network.hostLink,
    ]);
    await run(["ip", "link", "set", network.hostLink, "up"]);
    await run(["ip", "route", "add", network.pods, "via", network.gateway]);
  }

  async function plug({
    name,
    index,
    pid,
  }: {
    readonly name: string;
    readonly index: number;
    readonly pid: number;
  }): Promise<void> {
    const lab = await units.processId(NETWORK);
    // The kernel removes the link of a node that lost power only after some time.
    await script(lab, [
      `ip link del ${name} 2> /dev/null || true`,
      `ip link add ${name} type veth peer name eth0 ` +
        `address ${hardwareAddress(network.nodeAddress(index))} netns ${pid}`,
      `ip link set ${name} master br0 up`,
    ]);
    await script(pid, [
      "ip link set lo up",
      `ip addr add ${network.nodeAddress(index)}/${network.prefixLength} dev eth0`,
      "ip link set eth0 up",
      `ip route add default via ${network.gateway}`,
      "echo 1 > /proc/sys/net/ipv4/ip_forward",
    ]);
  }

  async function setPlugged(nodeName: string, plugged: boolean): Promise<void> {
    await script(await units.processId(NETWORK), [`ip link set ${nodeName} ${plugged ? "up" : "down"}`]);
  }

  /**
   * The kernel also removes the link some time after the last process of the namespace has ended, so it may
   * be gone already.
   */
  async function removeHostLink(): Promise<void> {
    const isThere = async (): Promise<boolean> => {
      const links = JSON.parse(await run(["ip", "-j", "link", "show"])) as readonly {
        readonly ifname: string;
      }[];
      return links.some((link) => link.ifname === network.hostLink);
    };
    if (!(await isThere())) return;
    try {
      await run(["ip", "link", "del", network.hostLink]);
    } catch (error) {
      if (await isThere()) throw error;
    }
  }

  return {
    start,
    isRunning: () => units.isRunning(NETWORK),
    inside: async (command) => ["nsenter", namespaceOf(await units.processId(NETWORK)), ...command],
    plug,
    setPlugged,
    removeHostLink,
  };
}
