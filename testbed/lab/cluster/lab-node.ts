import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Parts } from "../../parts/build-parts.ts";
import { listens } from "../../ports/listens.ts";
import type { LabHome } from "../lab-home.ts";
import type { LabNetwork } from "../lab-network.ts";
import type { LabSettings, LabVm } from "../lab-options.ts";
import type { AzureUnit } from "../units/azure-unit.ts";
import type { Cgroups } from "../units/cgroups.ts";
import type { NetworkUnit } from "../units/network-unit.ts";
import { registryUrl } from "../units/registry-unit.ts";
import { run, type RunOptions } from "../units/run.ts";
import type { Units, UnitSpec } from "../units/units.ts";
import { waitUntil } from "../units/wait-until.ts";
import { apiServerUrl } from "./control-plane.ts";
import { kubeconfig } from "./kubeconfig.ts";
import {
  cniConfig,
  containerdConfig,
  kubeletConfig,
  kubeletFlags,
  NODE_PATHS,
  registryConfig,
} from "./node-config.ts";

/**
 * A node of a lab: a machine of its own, except for the kernel and the block devices, which it shares with
 * the others.
 */
export type LabNode = LabVm & {
  readonly address: string;
  /**
   * Its root folder as seen from the machine while the node is on. It does not show the node's mounts: see
   * `exec`.
   */
  readonly rootFolder: string;
  /** Boots the machine up to containerd. Fails if it is on. */
  boot(signal: AbortSignal): Promise<void>;
  startKubelet(): Promise<void>;
  /** Ends the kubelet; containers keep running. */
  stopKubelet(): Promise<void>;
  /**
   * Power loss: the node's disks are fenced, and all its processes end at that moment. `silent`: Azure
   * still reports it as running.
   */
  kill(options?: { readonly silent?: boolean }): Promise<void>;
  /**
   * After power loss: the owner starts the VM through Azure, and it boots, kubelet included. Throws if it is
   * on.
   */
  start(signal: AbortSignal): Promise<void>;
  /**
   * Freezes all its processes, so that a detach waits for the guest. The kernel still writes out dirty
   * data. Throws if it is off.
   */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Pulls its network plug. Throws if it is off. */
  partition(): Promise<void>;
  heal(): Promise<void>;
  /** Runs a command in the node, as its root user. */
  exec(command: readonly string[], options?: RunOptions): Promise<string>;
  /** The command that runs `command` in the node, for callers that do not run it to its end. */
  inside(command: readonly string[]): Promise<readonly string[]>;
  /** The node's first process, by the machine's number. Throws if the node is off. */
  processId(): Promise<number>;
};

interface LabNodeOptions {
  readonly vm: LabVm;
  readonly index: number;
  readonly home: LabHome;
  readonly network: LabNetwork;
  readonly networkUnit: NetworkUnit;
  readonly units: Units;
  readonly cgroups: Cgroups;
  readonly azure: AzureUnit;
  readonly settings: LabSettings;
  readonly parts: Parts;
}

const INIT = fileURLToPath(new URL("../node-init.sh", import.meta.url));
const BOOT_MAX_MS = 300_000;
const CONTAINERD_MAX_MS = 300_000;
const KUBELET_GRACE_MS = 10_000;
/**
 * Starts a program again whenever it ends, as systemd does on a node of Azure. A kubelet ends by itself, for
 * one if it can't write its CSINode within two minutes after its start. `systemctl stop` on the node
 * (`testbed/node-shell`) makes a file that keeps it from starting.
 */
const SUPERVISED = `while :; do
  while [ -e "/run/stopped/$(basename "$1")" ]; do sleep 0.2; done
  "$@"
  echo "$1 has ended with $?"
  sleep 1
done`;

/** One node of a lab, on or off. */
export function labNode(options: LabNodeOptions): LabNode {
  const { vm, index, home, network, networkUnit, units, cgroups, azure, settings, parts } = options;
  const { name } = vm;
  const group = `${home.group}/${name}`;
  const rootFolder = home.path("nodes", name);
  const inRoot = (path: string): string => join(rootFolder, path);
  const address = network.nodeAddress(index);
  /** The processes of the unit `init` are `unshare` and its child, which is the node's first process. */
  async function processId(): Promise<number> {
    for (const pid of await cgroups.processes(`${group}/init`)) {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      if (/^NSpid:\s+\d+\s+1$/mu.test(status)) return pid;
    }
    throw new Error(`${name} is off`);
  }

  function isOn(): Promise<boolean> {
    return processId().then(
      () => true,
      () => false,
    );
  }

  async function setPlugged(isPlugged: boolean): Promise<void> {
    await processId();
    await networkUnit.setPlugged(name, isPlugged);
  }

  async function inside(command: readonly string[]): Promise<readonly string[]> {
    return [
      "nsenter",
      "--target",
      String(await processId()),
      "--mount",
      "--pid",
      "--net",
      "--uts",
      "--ipc",
      "--",
      ...command,
    ];
  }

  async function startSupervised(
    program: "containerd" | "kubelet",
    args: readonly string[],
    env: UnitSpec["env"] = {},
  ): Promise<void> {
    await units.start({
      name: `${name}/${program}`,
      command: await inside(["/bin/sh", "-c", SUPERVISED, "sh", join(parts.bin, program), ...args]),
      env,
    });
  }

  async function writeConfiguration(): Promise<void> {
    const pki = async (file: string): Promise<string> => readFile(home.path("pki", file), "utf8");
    const [ca, certificate, key] = await Promise.all([pki("ca.crt"), pki(`${name}.crt`), pki(`${name}.key`)]);
    const providerId = `azure://${azure.vmId(name)}`;
    const files = {
      [NODE_PATHS.containerdConfig]: containerdConfig(parts),
      [NODE_PATHS.registryConfig]: registryConfig(registryUrl(network)),
      [NODE_PATHS.cniConfig]: cniConfig(network, index),
      [NODE_PATHS.kubeletConfig]: kubeletConfig({
        cgroupRoot: group,
        providerId,
        overrides: settings.kubelet,
      }),
      [NODE_PATHS.kubeconfig]: kubeconfig({
        server: apiServerUrl(network),
        clusterName: "lab",
        ca,
        certificate,
        key,
      }),
      [NODE_PATHS.ca]: ca,
      [NODE_PATHS.certificate]: certificate,
      [NODE_PATHS.key]: key,
    };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(inRoot(path)), { recursive: true });
      await writeFile(inRoot(path), content, { mode: 0o600 });
    }
  }

  async function boot(signal: AbortSignal): Promise<void> {
    await writeConfiguration();
    // The next kubelet would take leftover groups for containers and search for each of them for seconds.
    await cgroups.remove(group);
    await cgroups.createRoot(group);
    const namespaces = [
      "--mount",
      "--pid",
      "--net",
      "--uts",
      "--ipc",
      "--fork",
      "--kill-child=SIGKILL",
      "--propagation=private",
    ];
    await units.start({
      name: `${name}/init`,
      command: [
        "unshare",
        ...namespaces,
        "bash",
        INIT,
        rootFolder,
        name,
        azure.devicesOf(name),
        randomUUID(),
        parts.bin,
        parts.cni,
      ],
    });
    const pid = await waitUntil(`${name} to boot`, { timeoutMs: BOOT_MAX_MS, signal }, async () => {
      if (!(await units.isRunning(`${name}/init`)))
        throw new Error(`${name} does not boot: ${await units.logTail(`${name}/init`)}`);
      const first = await processId().catch(() => undefined);
      return first !== undefined && existsSync(join(rootOf(first), "run/booted")) ? first : undefined;
    });
    await networkUnit.plug({ name, index, pid });
    await startContainerd(pid, signal);
  }

  async function startContainerd(pid: number, signal: AbortSignal): Promise<void> {
    await startSupervised("containerd", ["--config", NODE_PATHS.containerdConfig], {
      PATH: `${parts.bin}:/usr/sbin:/usr/bin:/sbin:/bin`,
    });
    try {
      await waitUntil(
        `${name}'s containerd`,
        { timeoutMs: CONTAINERD_MAX_MS, signal },
        async () => (await listens({ path: join(rootOf(pid), NODE_PATHS.containerdSocket) })) || undefined,
      );
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(`${name} has no containerd: ${await units.logTail(`${name}/containerd`)}`, {
        cause: error,
      });
    }
  }

  async function startKubelet(): Promise<void> {
    const labels = {
      "topology.kubernetes.io/region": azure.location,
      // Azure's cloud provider puts the fault domain there where the VM is in no zone.
      "topology.kubernetes.io/zone": vm.zone === undefined ? vm.faultDomain : `${azure.location}-${vm.zone}`,
      "node.kubernetes.io/instance-type": azure.vmSize,
    };
    await startSupervised("kubelet", kubeletFlags({ name, address, labels }));
  }

  async function kill({ silent = false } = {}): Promise<void> {
    // The devices first: what the node's kernel has not written yet is lost, as in a power loss.
    await azure.strike(name, silent ? "SilentPowerLoss" : "PowerLoss");
    await cgroups.kill(group);
  }

  return {
    ...vm,
    address,
    rootFolder,
    boot,
    startKubelet,
    stopKubelet: () => units.stop(`${name}/kubelet`, KUBELET_GRACE_MS),
    kill,
    start: async (signal) => {
      if (await isOn()) throw new Error(`${name} is on`);
      await azure.startVm(name, signal);
      await boot(signal);
      await startKubelet();
    },
    freeze: async () => {
      // Its processes are in the group by then; a frozen group without any would let none start.
      await processId();
      await azure.strike(name, "GuestHang");
      await cgroups.setFrozen(group, true);
    },
    thaw: async () => {
      await processId();
      await cgroups.setFrozen(group, false);
      await azure.strike(name, "GuestRecovery");
    },
    partition: () => setPlugged(false),
    heal: () => setPlugged(true),
    exec: async (command, execOptions = {}) => run(await inside(command), execOptions),
    inside,
    processId,
  };
}

/** The root folder of a process, as seen from the machine. */
function rootOf(pid: number): string {
  return `/proc/${pid}/root`;
}
