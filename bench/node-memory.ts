import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { NODE_RUNTIME } from "../scripts/build/node-runtime.ts";
import { runCommand } from "../scripts/child/run-command.ts";
import { residentMiB } from "./resident-memory.ts";

const USAGE = `npm run bench:node-memory            resident memory of the bundled node role beside a bare Node process
npm run bench:node-memory -- --json  one JSON object instead of a table
The flags and the environment are those of scripts/build/node-runtime.ts; the environment variable NODE_ROLE_FLAGS replaces both.`;

const CALLS = 20_000;
/** Start-up garbage is gone and the heartbeat has run a few times. */
const SETTLE_MS = 5_000;
const READY_MAX_MS = 20_000;
const HEARTBEAT_MS = 1_000;
const POLL_MS = 20;
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

async function untilPresent(path: string, child: ChildProcess): Promise<void> {
  for (let waitedMs = 0; waitedMs < READY_MAX_MS; waitedMs += POLL_MS) {
    const isPresent = await access(path).then(
      () => true,
      () => false,
    );
    if (isPresent) return;
    if (child.exitCode !== null) throw new Error(`the process that should make ${path} ended with code ${child.exitCode}`);
    await sleep(POLL_MS);
  }
  throw new Error(`${path} did not appear within ${READY_MAX_MS / 1000} s`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess & { readonly pid: number } {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...environment } });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${process.execPath} could not be started`);
  return Object.assign(child, { pid });
}

async function measureBareNode(): Promise<number> {
  const bare = start(["--eval", "setInterval(() => undefined, 60_000)"]);
  try {
    await sleep(SETTLE_MS);
    return await residentMiB(bare.pid);
  } finally {
    await stop(bare);
  }
}

async function measureNodeRole(folder: string, runtime: Runtime): Promise<Omit<NodeMemory, "bareNodeMiB">> {
  const [storeSocket, csiSocket, registrationSocket] = ["store.sock", "csi.sock", "registration.sock"].map((name) => join(folder, name));
  if (storeSocket === undefined || csiSocket === undefined || registrationSocket === undefined) throw new Error("three sockets are needed");
  const store = start([PROGRAM, "store", `--file=${join(folder, "store.db")}`, `--socket=${storeSocket}`, "--log-level=warn"]);
  try {
    await untilPresent(storeSocket, store);
    const node = start(
      [
        ...runtime.flags,
        PROGRAM,
        "node",
        `--endpoint=unix://${csiSocket}`,
        `--store-socket=${storeSocket}`,
        `--registration-socket=${registrationSocket}`,
        "--http-endpoint=127.0.0.1:0",
        "--node-name=node-a",
        "--vm-id=00000000-0000-0000-0000-00000000000a",
        "--vm-size=Standard_D8s_v5",
        "--location=eastus",
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
      const client = await runCommand(process.execPath, [join(ROOT, "bench/call-node.ts"), csiSocket, String(CALLS)], { cwd: ROOT });
      if (client.code !== 0) throw new Error(`the client failed: ${client.output}`);
      await sleep(SETTLE_MS);
      return { nodeRoleIdleMiB, nodeRoleAfter20kCallsMiB: await residentMiB(node.pid) };
    } finally {
      await stop(node);
    }
  } finally {
    await stop(store);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: "boolean" }, help: { type: "boolean" } } });
  if (values.help === true) return console.log(USAGE);
  const ownFlags = process.env["NODE_ROLE_FLAGS"];
  const runtime: Runtime = ownFlags === undefined ? NODE_RUNTIME : { flags: ownFlags.split(" ").filter((flag) => flag !== ""), environment: {} };
  const built = await runCommand(process.execPath, [join(ROOT, "scripts/build.ts")], { cwd: ROOT });
  if (built.code !== 0) throw new Error(`the bundle could not be built: ${built.output}`);
  const folder = await mkdtemp(join(tmpdir(), "node-memory-"));
  try {
    const measured = { bareNodeMiB: await measureBareNode(), ...(await measureNodeRole(folder, runtime)) };
    const rounded = Object.fromEntries(Object.entries(measured).map(([name, mib]) => [name, Math.round(mib * 10) / 10]));
    console.log(values.json === true ? JSON.stringify(rounded) : report(measured, runtime));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function report({ bareNodeMiB, nodeRoleIdleMiB, nodeRoleAfter20kCallsMiB }: NodeMemory, { flags, environment }: Runtime): string {
  const line = (what: string, mib: number): string => `${what.padEnd(46)} ${mib.toFixed(1).padStart(6)} MiB`;
  return [
    `Resident memory, Node ${process.version}, node role with ${[...flags, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)].join(" ") || "no flags"}`,
    line("bare Node process", bareNodeMiB),
    line("node role, idle (CSI, registration, health)", nodeRoleIdleMiB),
    line(`node role after ${CALLS} calls`, nodeRoleAfter20kCallsMiB),
  ].join("\n");
}

await main();
