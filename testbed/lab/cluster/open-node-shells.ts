import { generateKeyPairSync } from "node:crypto";
import { copyFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { NodeShell } from "../../parts/build-node-shell.ts";
import { listens } from "../../ports/listens.ts";
import type { Lab } from "../lab.ts";
import { waitUntil } from "../units/wait-until.ts";
import type { LabNode } from "./lab-node.ts";
import { NODE_PATHS } from "./node-config.ts";

/** SSH to every node of a lab, as root, until it is disposed of. A node that loses its power loses it too. */
export interface NodeShells extends AsyncDisposable {
  /** The file of the private key. */
  readonly keyFile: string;
}

const PORT = 22;
const LISTENING_MAX_MS = 60_000;
const END_MAX_MS = 5_000;
/** Folders and files of a node, as seen from inside. */
const PROGRAMS = "/opt/shell";
const AUTHORIZED_KEY = "/etc/ssh/authorized-key.pem";
const CRICTL_CONFIG = "/etc/crictl.yaml";
/** What the nodes' `systemctl` has stopped (`testbed/node-shell`). */
const STOPPED = "/run/stopped";
/** In the PATH of every shell, before the machine's own programs; a node's programs need nothing there. */
const SHADOWED = "/usr/local/bin";

/** Opens them. The nodes must be on. */
export async function openNodeShells(lab: Lab, shell: NodeShell, signal: AbortSignal): Promise<NodeShells> {
  // Of the kinds of keys that OpenSSH, too, reads in this form.
  const { publicKey, privateKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const keyFile = lab.home.path("pki", "ssh.key");
  await writeFile(keyFile, privateKey, { mode: 0o600 });
  await using opened = new AsyncDisposableStack();
  for (const node of lab.nodes) {
    await equip(node, shell, publicKey);
    opened.defer(() => clear(node, ["umount", SHADOWED]));
    // A spec that stopped a program may have been ended before it started that again.
    opened.defer(() => clear(node, ["rm", "-rf", STOPPED]));
    opened.defer(() => lab.units.stop(unitOf(node), END_MAX_MS));
    await startServer(lab, node, shell, signal);
  }
  const kept = opened.move();
  return { keyFile, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Of a node that a spec has left off, the mounts and /run are gone. */
async function clear(node: LabNode, command: readonly string[]): Promise<void> {
  const isOn = await node.processId().then(
    () => true,
    () => false,
  );
  if (isOn) await node.exec(command);
}

function unitOf({ name }: LabNode): string {
  return `${name}/sshd`;
}

async function equip(node: LabNode, shell: NodeShell, publicKey: string): Promise<void> {
  const inRoot = (path: string): string => join(node.rootFolder, path);
  await rm(inRoot(PROGRAMS), { recursive: true, force: true });
  await mkdir(inRoot(PROGRAMS), { recursive: true });
  for (const program of [shell.server, ...shell.programs])
    await copyFile(program, inRoot(join(PROGRAMS, basename(program))));
  // Who logs in is root already, and the machine's sudo would miss its settings.
  await symlink("/usr/bin/env", inRoot(join(PROGRAMS, "sudo")));
  await mkdir(inRoot("/etc/ssh"), { recursive: true });
  await writeFile(inRoot(AUTHORIZED_KEY), publicKey);
  await writeFile(inRoot(CRICTL_CONFIG), `runtime-endpoint: unix://${NODE_PATHS.containerdSocket}\n`);
  await node.exec(["mount", "--bind", PROGRAMS, SHADOWED]);
}

async function startServer(
  lab: Lab,
  node: LabNode,
  { server }: NodeShell,
  signal: AbortSignal,
): Promise<void> {
  const name = unitOf(node);
  await lab.units.start({
    name,
    command: await node.inside([join(PROGRAMS, basename(server)), `--authorized-key=${AUTHORIZED_KEY}`]),
  });
  await waitUntil(`${name} to listen`, { timeoutMs: LISTENING_MAX_MS, signal }, async () => {
    if (!(await lab.units.isRunning(name)))
      throw new Error(`${name} has ended: ${await lab.units.logTail(name)}`);
    return (await listens({ host: node.address, port: PORT })) || undefined;
  });
}
