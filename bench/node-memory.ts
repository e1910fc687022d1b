import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { NODE_RUNTIME } from "../scripts/build/node-runtime.ts";
import { runCommand } from "../scripts/child/run-command.ts";
import { runProgram } from "../scripts/run-program.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { startChild, untilPresent } from "./child.ts";
import { type BenchStore, embeddedStore, kubernetesStore } from "./node-memory/bench-store.ts";
import { fillStore } from "./node-memory/fill-store.ts";
import { residentMiB } from "./resident-memory.ts";

const USAGE = `npm run bench:node-memory [-- flags]

Resident memory of the bundled node role beside a bare Node.
The flags and the environment are those of scripts/build/node-runtime.ts; the environment variable
NODE_ROLE_FLAGS replaces both.`;
const options = {
  kubernetes: {
    kind: "flag",
    help: "With a Kubernetes API server as its store, and the VM's metadata service; needs Go",
  },
  volumes: {
    kind: "number",
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    isWhole: true,
    help: "Volumes in the store, each attached to another node and with a replica on one more",
  },
  json: { kind: "flag", help: "One JSON object instead of a table" },
} as const satisfies Options;

const CALLS = 20_000;
/** By then start-up garbage is gone, and the heartbeat has run a few times. */
const SETTLE_MS = 5_000;
const HEARTBEAT_MS = 1_000;
const NODE_NAME = "node-a";
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAM = join(ROOT, "dist/azuredisk-csi-driver.cjs");

/** In MiB; the node role serves kubelet registration and health besides CSI. */
interface NodeMemory {
  readonly bareNodeMiB: number;
  readonly nodeRoleIdleMiB: number;
  readonly nodeRoleAfter20kCallsMiB: number;
}

/** How the node role is started. */
interface Runtime {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

async function measureBareNode(): Promise<number> {
  const bare = startChild(["--eval", "setInterval(() => undefined, 60_000)"]);
  try {
    await sleep(SETTLE_MS);
    return await residentMiB(bare.pid);
  } finally {
    await bare.stop();
  }
}

async function measureNodeRole(
  { flags }: BenchStore,
  folder: string,
  runtime: Runtime,
): Promise<Omit<NodeMemory, "bareNodeMiB">> {
  const csiSocket = join(folder, "csi.sock");
  const node = startChild(
    [
      ...runtime.flags,
      PROGRAM,
      "node",
      `--endpoint=unix://${csiSocket}`,
      ...flags,
      `--registration-socket=${join(folder, "registration.sock")}`,
      "--http-endpoint=127.0.0.1:0",
      `--node-name=${NODE_NAME}`,
      `--state-dir=${join(folder, "state")}`,
      `--device-root=${folder}`,
      `--kubelet-dir=${folder}`,
      `--heartbeat-ms=${HEARTBEAT_MS}`,
      "--log-level=warn",
    ],
    runtime.environment,
  );
  try {
    await untilPresent(csiSocket, node);
    await sleep(SETTLE_MS);
    const nodeRoleIdleMiB = await residentMiB(node.pid);
    const client = await runCommand(
      process.execPath,
      [join(ROOT, "bench/call-node.ts"), csiSocket, String(CALLS)],
      { cwd: ROOT },
    );
    if (client.code !== 0) throw new Error(`the client failed: ${client.output}`);
    await sleep(SETTLE_MS);
    return { nodeRoleIdleMiB, nodeRoleAfter20kCallsMiB: await residentMiB(node.pid) };
  } finally {
    await node.stop();
  }
}

async function main(values: Values<typeof options>): Promise<void> {
  const ownFlags = process.env["NODE_ROLE_FLAGS"];
  const runtime: Runtime =
    ownFlags === undefined
      ? NODE_RUNTIME
      : { flags: ownFlags.split(" ").filter((flag) => flag !== ""), environment: {} };
  const built = await runCommand(process.execPath, [join(ROOT, "scripts/build.ts")], { cwd: ROOT });
  if (built.code !== 0) throw new Error(`the bundle could not be built: ${built.output}`);
  const folder = await mkdtemp(join(tmpdir(), "node-memory-"));
  let store: BenchStore | undefined;
  try {
    store = await (values.kubernetes
      ? kubernetesStore(NODE_NAME, (line) => console.error(line))
      : embeddedStore(PROGRAM, folder));
    await fillStore(store.store, values.volumes);
    const measured = {
      bareNodeMiB: await measureBareNode(),
      ...(await measureNodeRole(store, folder, runtime)),
    };
    const rounded = Object.fromEntries(
      Object.entries(measured).map(([name, mib]) => [name, Math.round(mib * 10) / 10]),
    );
    console.log(values.json ? JSON.stringify(rounded) : report(measured, runtime));
  } finally {
    await store?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function report(
  { bareNodeMiB, nodeRoleIdleMiB, nodeRoleAfter20kCallsMiB }: NodeMemory,
  { flags, environment }: Runtime,
): string {
  const line = (what: string, mib: number): string => `${what.padEnd(46)} ${mib.toFixed(1).padStart(6)} MiB`;
  return [
    `Resident memory, Node ${process.version}, node role with ${[...flags, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)].join(" ") || "no flags"}`,
    line("bare Node process", bareNodeMiB),
    line("node role, idle (CSI, registration, health)", nodeRoleIdleMiB),
    line(`node role after ${CALLS} calls`, nodeRoleAfter20kCallsMiB),
  ].join("\n");
}

await runProgram({ name: "npm run bench:node-memory", usage: USAGE, options }, main);
